"""What a reset removes: the state folder, and of the output folder only what was written there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lakehouse.domain import Exports
from lakehouse.domains import DOMAINS
from lakehouse.domains.settings import Settings
from lakehouse.settings.root import from_root
from monitoring.output import names
from monitoring.output.folder import LATEST, RUN_ID, RUNS
from monitoring.site import MODELS

# The folder and the files of an analysis, and the copies of `Processed_Data`.
EDA, EDA_FILES = "eda", ("report.html", "*.png")
# The folder of the registry's database and artifacts, below the state folder.
REGISTRY = "mlflow"
COPIES = "processed_data_*.parquet"


def describe(settings: Settings) -> str:
    """What `wipe` removes, for the one who is asked."""
    folders = dict.fromkeys([settings.output, settings.processed, *_export_folders(settings)])
    own = [str(one) for one in folders if not one.is_relative_to(settings.output)]
    written = " and ".join([str(settings.output), *own])
    return f"{settings.state}, and what cdrlake has written to {written}"


def wipe(settings: Settings, keep_models: bool = False) -> None:
    """Remove the state folder and every file of ours from the output; others' files stay.

    With `keep_models` the registry stays, and with it every version and the champions.
    """
    if keep_models:
        _empty(settings.state, but=REGISTRY)
    else:
        shutil.rmtree(settings.state, ignore_errors=True)
    models = _models(settings)
    for folder in (settings.output, *models):
        for run in _runs(folder / RUNS):
            shutil.rmtree(run, ignore_errors=True)
    for path in (*_written(settings), *_exported(settings, keep_models)):
        path.unlink(missing_ok=True)
        _remove_empty(path.parent)
    eda, output = settings.output / EDA, settings.output
    own = [part for folder in models for part in (folder / RUNS, folder / LATEST, folder)]
    shared = (output / MODELS, output / RUNS, output / LATEST, eda, settings.processed, output)
    for folder in (*own, *_export_folders(settings), *shared):
        _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # not there, or not empty
        folder.rmdir()


def _empty(folder: Path, but: str) -> None:
    for path in folder.glob("*"):
        if path.is_dir() and path.name != but:
            shutil.rmtree(path, ignore_errors=True)
        elif not path.is_dir():
            path.unlink(missing_ok=True)


def _models(settings: Settings) -> list[Path]:
    """The output folders of models other than the first."""
    return [path for path in (settings.output / MODELS).glob("*") if path.is_dir()]


def _runs(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if RUN_ID.match(path.name)]


def _written(settings: Settings) -> Iterator[Path]:
    for root in (settings.output, *_models(settings)):
        yield from (folder / name for folder in (root, root / LATEST) for name in names.FILES)
    for pattern in EDA_FILES:
        yield from (settings.output / EDA).glob(pattern)
    yield from settings.processed.glob(COPIES)


def _exported(settings: Settings, keep_models: bool) -> Iterator[Path]:
    """The files that domains wrote for tools outside."""
    for folder, exports in _exports(settings):
        if not (exports.of_models and keep_models):
            for pattern in exports.patterns:
                yield from folder.glob(pattern)


def _export_folders(settings: Settings) -> Iterator[Path]:
    """The folders of these files, innermost first."""
    for folder, exports in _exports(settings):
        within = {Path(pattern).parts[0] for pattern in exports.patterns if "/" in pattern}
        yield from (folder / name for name in within)
        yield folder


def _exports(settings: Settings) -> Iterator[tuple[Path, Exports]]:
    """Each domain's exports and their folder; places in an object store are left alone."""
    for exports in (one for domain in DOMAINS for one in domain.exports):
        place = settings.value(exports.setting)
        if "://" not in place:
            yield from_root(place), exports
