"""An analysis from its configuration to its report."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from eda import association, config, page, plots, proposal, source
from eda import profile as profiles
from eda.association import Association
from eda.profile import Profile
from eda.source import USER
from lakehouse.domains.cdr.contracts import LABEL
from lakehouse.domains.settings import Settings

LOG = logging.getLogger(__name__)

FOLDER = "eda"
HASH_RANGE = 1_000_003


@dataclass(frozen=True)
class Result:
    """Where the report is, which columns were plotted, and which were skipped and why."""

    report: Path
    plotted: tuple[str, ...]
    skipped: dict[str, str]


def run(config_path: Path, settings: Settings) -> Result:
    """Analyse the days that `config_path` names; files go to `eda/` in the output folder.

    Running it again replaces them. Raises `SourceError` for a configuration that cannot be read
    or days without rows, `DatabaseError` when the database cannot be read.
    """
    chosen = config.read(config_path)
    folder = settings.output / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    settings.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="eda-", dir=settings.state) as scratch:
        found_rows = source.scan(chosen, settings, Path(scratch))
        rows = profiles.with_time(found_rows, settings.timezone)
        found = profiles.profile(rows)
        sample = _sample(rows, found, chosen.sample_rows)
    for name, reason in found.skipped.items():
        LOG.info("skipping %s: %s", name, reason)
    associations = _associations(sample, found)
    made = _plots(sample, found, associations, folder)
    skews = {column.name: column.skew for column in found.columns}
    content = page.Content(
        config=chosen,
        profile=found,
        associations=associations,
        suspects=association.leak_suspects(sample, found.usable),
        proposals=proposal.propose(associations, skews, settings.cdr.feature_windows),
        plots=made,
    )
    report = folder / "report.html"
    report.write_text(page.render(content), encoding="utf-8")
    return Result(report, tuple(one.name for one in associations), found.skipped)


def _sample(rows: pl.LazyFrame, found: Profile, size: int) -> pl.DataFrame:
    """All labelled rows of as many subscribers as give about `size` rows, the same every time."""
    labelled = rows.filter(pl.col(LABEL).is_not_null())
    share = min(1.0, size / max(found.labelled, 1))
    chosen = pl.col(USER).hash(seed=0) % HASH_RANGE < int(share * HASH_RANGE)
    # Rows come in any order; resampling and scatter plots must not depend on it.
    return labelled.filter(chosen).sort(pl.all()).collect(engine="streaming")


def _associations(sample: pl.DataFrame, found: Profile) -> list[Association]:
    known = [association.associate(sample, name) for name in found.usable]
    return sorted((one for one in known if one is not None), key=lambda one: -one.separation)


def _plots(
    sample: pl.DataFrame, found: Profile, associations: list[Association], folder: Path
) -> list[Path]:
    plots.apply_style()
    for stale in folder.glob("*.png"):
        stale.unlink()
    days, correlation = folder / "days.png", folder / "correlation.png"
    plots.days(found, days)
    plots.correlations(found, correlation)
    made = [days, correlation]
    for one in associations:
        path = folder / f"{one.name}_vs_{LABEL}.png"
        plots.against_label(sample, one, path)
        made.append(path)
    return made
