"""`make corruptions`: damage one file of an installation at a time, and hear what it says.

A small lake is filled, scored and verified, and then kept. Each trial takes a copy of it, damages
one file, lets every query read what has come to Kafka since, and compares all tables with those of
an undisturbed run. Where they differ, or cannot be read, something must have named the damage: the
query that refused to go on, or `cdrlake verify`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import polars as pl
from pyspark.sql import SparkSession

from bench import corruptions_page
from bench.champion import crown
from bench.corruptions_page import Trial
from bench.events import events, fill, messages, send
from bench.faults import page
from bench.stand import Stand
from cdrlake.waiting import patiently
from lakehouse import store
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr import CDR, contracts, names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.cdr.features import feature_names
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.registry import open_registry
from pyspark_jobs.cdr import transform
from pyspark_jobs.cdr.churn_scoring import scoring_context
from pyspark_jobs.cdr.feeds import intakes
from pyspark_jobs.cdr.verify import Verifier
from pyspark_jobs.engine.supervisor import Start, Supervisor
from pyspark_jobs.ingest import ingest
from pyspark_jobs.scoring import outcomes, score

USERS, DAYS, PATIENCE_S = 40, 12, 90.0
Damage = Callable[[bytes, Random], bytes | None]
Tables = dict[str, pl.DataFrame]


def _flipped(content: bytes, random: Random) -> bytes:
    if not content:
        return b"\x01"
    changed = bytearray(content)
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


DAMAGES: dict[str, Damage] = {
    "a flipped bit": _flipped,
    "cut in half": lambda content, _: content[: len(content) // 2],
    "emptied": lambda _content, _random: b"",
    "zeroed": lambda content, _: bytes(len(content)),
    "removed": lambda _content, _random: None,
}


@dataclass(frozen=True)
class Place:
    """A kind of file: its name, and where such files are below the state folder."""

    name: str
    patterns: tuple[str, ...]

    def files(self, state: Path) -> list[Path]:
        """Its files, relative to the state folder, in a fixed order."""
        found = {one for pattern in self.patterns for one in state.glob(pattern) if one.is_file()}
        return sorted(one.relative_to(state) for one in found)


PLACES = (
    Place("checkpoint", ("lake/_checkpoints/**/*",)),
    Place("log of a table", ("lake/**/_delta_log/*",)),
    Place("data of a table", ("lake/**/*.parquet",)),
    Place("model", ("mlflow/artifacts/**/*",)),
    Place("registry", ("mlflow/*.db",)),
)


@contextmanager
def _unless_stuck(stop: threading.Event) -> Iterator[None]:
    """Set `stop` once nothing in this process moves any more, and raise `ServiceError` then."""
    with ThreadPoolExecutor(1) as threads:
        ended = threading.Event()
        watch = threads.submit(patiently, ended.is_set, "the end of a query", PATIENCE_S)
        watch.add_done_callback(lambda _: stop.set())
        try:
            yield
        finally:
            ended.set()
    watch.result()


class Installation:
    """One copy of the lake, its queries and its tables."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self._spark, self._settings, self._clock = spark, settings, SystemClock()
        self._registry = open_registry(settings, CHURN)

    def catch_up(self) -> None:
        """Run each query to its end. Raises what it says that cannot go on."""
        for start in self._starts():
            stop = threading.Event()
            supervisor = Supervisor(self._clock, stop)
            try:
                with _unless_stuck(stop):
                    supervisor.add(start)
                    supervisor.run_to_end()
            finally:
                supervisor.close()

    def _starts(self) -> Iterator[Start]:
        spark, settings, clock = self._spark, self._settings, self._clock
        yield from ingest.starts(spark, settings, clock, intakes(settings, clock), None)
        yield lambda: transform.start(spark, settings, clock, None)
        context = scoring_context(settings, self._registry, clock)
        yield lambda: score.start(spark, context, None)
        yield lambda: outcomes.start(spark, context, None)

    def verify(self) -> str:
        """What `cdrlake verify --all` finds, in its words; empty if all is as it should be."""
        verifier = Verifier(self._spark, self._settings, self._registry)
        found = verifier.files(CDR.tables, all_of_them=True)
        if not found:
            found = [one for day in verifier.settled() for one in verifier.day(day)]
        return "\n".join(str(one) for one in found)

    def tables(self) -> Tables:
        """The rows that follow from the events, without the moments at which they were written."""
        return {name: self._rows(name, columns) for name, columns in _COLUMNS.items()}

    def _rows(self, name: str, columns: list[str]) -> pl.DataFrame:
        columns = columns or ["User", "Date", *feature_names(self._settings.cdr.feature_windows)]
        uri = table_uri(self._settings.lake_uri, name)
        return store.collect(store.scan(uri).select(columns), uri).sort(columns[:3])


_MEASURES = [measure.name for measure in contracts.MEASURES]
_COLUMNS: dict[str, list[str]] = {
    names.BRONZE_EVENTS: ["event_id", "DP_MSISDN", "DP_DATE", *_MEASURES],
    names.SILVER_DAILY: ["User", "Date", *_MEASURES, "events"],
    names.GOLD_FEATURES: [],
    names.PREDICTIONS: ["User", "Date", "model_version", "probability_1", "prediction"],
}


class Trials:
    """A kept installation, and what its tables hold once it has caught up undisturbed."""

    def __init__(self, spark: SparkSession, settings: Settings, scratch: Path) -> None:
        self._spark, self._settings, self._scratch = spark, settings, scratch
        self._kept = scratch / "kept"
        self.expected: Tables = {}

    def prepare(self) -> None:
        """Fill, score, verify and keep; then send one more day, and note what follows from it."""
        clock = SystemClock()
        day = today(clock, "UTC")
        count = fill(self._settings, USERS, DAYS, day - timedelta(days=1))
        crown(open_registry(self._settings, CHURN), self._settings, day - timedelta(days=DAYS))
        here = Installation(self._spark, self._settings)
        here.catch_up()
        _require_sound(here)
        shutil.copytree(self._settings.state, self._kept)
        more = events(USERS, day, 1, count)
        send(self._settings, more["DP_MSISDN"].to_list(), messages(more))
        here.catch_up()
        _require_sound(here)
        self.expected = here.tables()

    def run(self, number: int, random: Random) -> Trial:
        """Damage one file of a copy and see what comes of it."""
        state = self._scratch / f"trial-{number}"
        shutil.copytree(self._kept, state)
        try:
            place = PLACES[number % len(PLACES)]
            file = random.choice(place.files(state))
            how = random.choice(list(DAMAGES))
            content = DAMAGES[how]((state / file).read_bytes(), random)
            (state / file).unlink()
            if content is not None:
                (state / file).write_bytes(content)
            return self._judge(state, Trial(number, place.name, str(file), how))
        finally:
            shutil.rmtree(state)

    def _judge(self, state: Path, trial: Trial) -> Trial:
        settings = self._settings.model_copy(update={"state_dir": str(state)})
        try:
            installation = Installation(self._spark, settings)
            installation.catch_up()
        except Exception as error:
            return trial.with_outcome("refused", str(error))
        try:
            held = installation.tables()
        except Exception as error:
            held = dict.fromkeys(self.expected, pl.DataFrame({"error": [str(error)]}))
        wrong = [name for name, rows in self.expected.items() if not rows.equals(held[name])]
        try:
            found = installation.verify()
        except Exception as error:
            found = str(error)
        if found:
            return trial.with_outcome("found by verify", found)
        if wrong:
            return trial.with_outcome("SILENT", f"these differ: {', '.join(wrong)}")
        return trial.with_outcome("no row differs", "")


def _require_sound(installation: Installation) -> None:
    if found := installation.verify():
        raise RuntimeError(f"the lake is not sound before anything was damaged: {found}")


def main() -> int:
    """0 if nothing that differs went unnamed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of trials to repeat")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    done: list[Trial] = []
    with Stand() as stand, stand.site() as settings, tempfile.TemporaryDirectory() as folder:
        trials = Trials(stand.session(), settings, Path(folder))
        trials.prepare()
        for number in options.only or range(options.count):
            # A trial is the same whichever others are run.
            done.append(trials.run(number, Random(f"{options.seed}-{number}")))
            print(done[-1].line(), flush=True)
    print(Counter(trial.outcome for trial in done))
    if options.publish:
        corruptions_page.keep(done, options.seed)
        page.again()
    return 0 if all(trial.named for trial in done) else 1


if __name__ == "__main__":
    sys.exit(main())
