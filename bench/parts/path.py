"""The whole way of events, from Kafka through bronze to silver and gold, from an empty lake."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
from pyspark.sql import SparkSession

from bench.measure import Figure, Measurement, Size, hold, seconds
from bench.site import fill, scratch, site, with_lake
from lakehouse.clock import SystemClock, today
from lakehouse.settings import Settings
from pyspark_jobs.cdr import ingest, transform
from pyspark_jobs.service import Start, Supervisor
from pyspark_jobs.session import open_session

WORK = {"small": (500, 40), "full": (5_000, 200)}
ROUNDS = {"small": 1, "full": 3}
BAR = 25_000.0


def run(size: Size) -> list[Measurement]:
    """Events per second until gold holds them all."""
    users, days = WORK[size]
    with site() as settings:
        last = today(SystemClock(), "UTC") - timedelta(days=1)
        count = fill(settings, users, days, last)
        spark = open_session("bench", settings)
        shares: list[tuple[float, float]] = []
        work = partial(_rate, spark, settings, count, shares)
        text = f"{users:,} subscribers, {days} days"
        figure = Figure("path_events_per_second", "events/s", True, text)
        measured = hold(figure, BAR, work, ROUNDS[size])
        spark.stop()
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
    return _ingest(spark, settings, folder), _transform(spark, settings, folder)


def _ingest(spark: SparkSession, settings: Settings, folder: Path) -> float:
    here, clock = with_lake(settings, folder), SystemClock()
    feed = ingest.events_feed(here.cdr, here.timezone)
    return _to_end(lambda: ingest.start(spark, here, feed, clock, None))


def _transform(spark: SparkSession, settings: Settings, folder: Path) -> float:
    here, clock = with_lake(settings, folder), SystemClock()
    return _to_end(lambda: transform.start(spark, here, clock, None))


def _to_end(start: Start) -> float:
    supervisor = Supervisor(SystemClock(), threading.Event())

    def work() -> None:
        supervisor.add(start)
        supervisor.run_to_end()

    return seconds(work)
