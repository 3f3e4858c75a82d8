"""What `cdrlake sql` does with a domain's files besides running them: check, explain, test, replay.

Each task prints what it found and returns the exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from lakehouse.clock import SystemClock
from lakehouse.domain import Domain
from lakehouse.errors import EXIT_FAILED, ModelError, SettingsError, closest
from lakehouse.models.inputs import Inputs
from lakehouse.settings import Settings
from pyspark_jobs.sql import explain, predict, replay, rows_test, sql_file
from pyspark_jobs.sql.catalog import Catalog
from pyspark_jobs.sql.check import check
from pyspark_jobs.sql.live_models import LiveModels, RegistryPlace
from pyspark_jobs.sql.service import FOLDER
from pyspark_jobs.sql.sql_file import SqlFile

Span = tuple[datetime | None, datetime | None]


@dataclass(frozen=True)
class Desk:
    """A session, an installation, and the domain whose files are meant, among all `domains`."""

    spark: SparkSession
    settings: Settings
    domain: Domain
    domains: Sequence[Domain]

    @property
    def files(self) -> tuple[SqlFile, ...]:
        """The files. Raises `SqlError` where there are none."""
        return sql_file.read_folder(FOLDER / self.domain.name)

    @property
    def catalog(self) -> Catalog:
        """What the files may read."""
        return Catalog.of(self.domain)


def run(task: str, desk: Desk, span: Span = (None, None)) -> int:
    """Do a task; 0 when all is well."""
    predict.register(desk.spark, RegistryPlace.of(desk.settings))
    if task == "replay":
        return _replay(desk, span)
    return TASKS[task](desk)


def inputs_of(desk: Desk) -> Callable[[str], Inputs | None]:
    """The inputs of models by name: registered ones, and those that a domain will train."""
    models = LiveModels(RegistryPlace.of(desk.settings).open, SystemClock())
    declared = {scored.model for domain in desk.domains for scored in domain.scored}
    declared |= {one.model for domain in desk.domains for one in domain.asked}

    def find(name: str) -> Inputs | None:
        try:
            return models.get(name).inputs
        except ModelError as error:
            base, pinned, _ = name.partition("$")
            if base in declared and not pinned:
                return None
            if str(error).startswith("There is no model"):
                hint = closest(base, declared)
                raise ModelError.sentence(f"there is no model called {base!r}; {hint}") from None
            raise

    return find


def _check(desk: Desk) -> int:
    files = desk.files
    problems = check(desk.spark, files, desk.catalog, inputs_of(desk))
    for problem in problems:
        _say(str(problem))
    if not problems:
        _say(f"{len(files)} files, nothing wrong with them.")
    return EXIT_FAILED if problems else 0


def _explain(desk: Desk) -> int:
    _say(explain.text(desk.spark, desk.files, desk.catalog))
    return 0


def _test(desk: Desk) -> int:
    tested = rows_test.Tested(desk.spark, desk.files, desk.catalog)
    told, cases = [], rows_test.read(FOLDER / desk.domain.name)
    for case in cases:
        for way in rows_test.WAYS:
            told += rows_test.differences(tested, case, way)
    for sentence in told:
        _say(sentence)
    _say(f"{len(cases)} tests, each as batch and as stream; {len(told)} differences.")
    return EXIT_FAILED if told else 0


def _replay(desk: Desk, span: Span) -> int:
    begin, end = span
    if begin is None or end is None or begin >= end:
        raise SettingsError.sentence("A replay needs --from and a later --to.")
    times = tuple(one if one.tzinfo else one.replace(tzinfo=UTC) for one in (begin, end))
    told = replay.compare(desk.spark, desk.settings, desk.catalog, desk.files, times)
    for one in told:
        _say(str(one))
    return EXIT_FAILED if any(not one.is_equal for one in told) else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


TASKS: Mapping[str, Callable[[Desk], int]] = {
    "check": _check,
    "explain": _explain,
    "test": _test,
}
