"""The whole way of events, from Kafka through bronze to silver and gold, from an empty lake."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
from pyspark.sql import SparkSession

from bench.events import fill
from bench.measure import ROUNDS, Figure, Measurement, Size, hold, seconds
from bench.stages import to_end, work
from bench.stand import Stand, scratch, with_lake
from lakehouse.clock import SystemClock, today
from lakehouse.domains.settings import Settings

WORK = {"small": (500, 40), "full": (5_000, 200)}
BAR = 25_000.0


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Events per second until gold holds them all."""
    users, days = WORK[size]
    with stand.site() as settings:
        last = today(SystemClock(), "UTC") - timedelta(days=1)
        count = fill(settings, users, days, last)
        spark = stand.session()
        shares: list[tuple[float, float]] = []
        rate = partial(_rate, spark, settings, count, shares)
        text = f"{users:,} subscribers, {days} days"
        figure = Figure("path_events_per_second", "events/s", True, text)
        measured = hold(figure, BAR, rate, ROUNDS[size])
    ingesting, transforming = shares[-1]
    note = f"the last round: ingest {ingesting:.1f} s, transform {transforming:.1f} s"
    return [msgspec.structs.replace(measured, note=note)]


def _rate(
    spark: SparkSession, settings: Settings, count: int, shares: list[tuple[float, float]]
) -> float:
    with scratch() as folder:
        took = way(spark, settings, folder)
        shares.append(took)
        return count / sum(took)


def way(spark: SparkSession, settings: Settings, folder: Path) -> tuple[float, float]:
    """Seconds of ingest and of transform, from the beginning of the topic to the end of gold."""
    here = with_lake(settings, folder)
    ingesting, transforming = (
        seconds(partial(to_end, work(stage, spark, here))) for stage in ("ingest", "transform")
    )
    return ingesting, transforming
