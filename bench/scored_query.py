"""The scoring query as it runs: from gold in the lake to the predictions, committed."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from bench.champion import crown
from bench.events import fill
from bench.measure import ROUNDS, Figure, Measurement, Size, held, seconds
from bench.stages import to_end, work
from bench.stand import Stand
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.registry import open_registry
from lakehouse.settings.spark import SparkSettings

SUBSCRIBERS, DAYS = {"small": 200, "full": 10_000}, {"small": 10, "full": 40}
BAR = 57_000.0
CORES = 2
DAY = timedelta(days=1)


def rows_per_second(size: Size, stand: Stand) -> Measurement:
    """Rows of predictions a second, with reasons and features, and how large a row is."""
    subscribers, days = SUBSCRIBERS[size], DAYS[size]
    with stand.site() as site:
        settings = site.model_copy(update={"spark": SparkSettings(buckets=CORES)})
        last = today(SystemClock(), "UTC") - DAY
        fill(settings, subscribers, days, last)
        crown(open_registry(settings, CHURN), settings, last - (days - 1) * DAY)
        spark = stand.session()
        for stage in ("ingest", "transform"):
            to_end(work(stage, spark, settings))
        found = []
        for _ in range(ROUNDS[size] + 1):
            took = seconds(lambda: to_end(work("score", spark, settings)))
            rows, size_bytes = _written(settings)
            found.append(rows / took)
            _forget(settings)
    mib = size_bytes / rows * 1e6 / 2**20
    figure = Figure(
        "score_rows_per_second", "rows/s", True,
        f"{rows:,} subscriber-days in {CORES} buckets, a forest of a hundred trees",
        f"the query as it runs, reasons and features included, to its last commit; "
        f"{mib:,.0f} MiB of predictions per million rows",
    )  # fmt: skip
    # The first one compiles.
    return held(figure, BAR, found[1:])


def _written(settings: Settings) -> tuple[int, int]:
    """Rows and bytes of the predictions."""
    table = DeltaTable(table_uri(settings.lake_uri, names.PREDICTIONS))
    files = pl.DataFrame(table.get_add_actions())
    return int(files["num_records"].sum()), int(files["size_bytes"].sum())


def _forget(settings: Settings) -> None:
    """Remove the predictions and the query's state."""
    shutil.rmtree(table_uri(settings.lake_uri, names.PREDICTIONS))
    checkpoint = Path(names.SCORE.checkpoint(settings.lake_uri))
    shutil.rmtree(checkpoint)
    Path(f"{checkpoint}.notes.json").unlink(missing_ok=True)
