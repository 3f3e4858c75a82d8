"""Sums a subscriber and day: ours from Kafka to gold, beside a tumbling window of one day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from pyspark.sql import SparkSession

from bench.events import fill
from bench.measure import ROUNDS, Figure, Measurement, Size, compare
from bench.opponents import apart, flink, pathway
from bench.parts.path import way
from bench.stand import Stand, scratch
from lakehouse.clock import SystemClock, today
from lakehouse.domains.settings import Settings

WORK = {"small": (1_000, 20), "full": (5_000, 150)}
NOTE = (
    "ours does more: bronze and quarantine, each event once, sums that a late event still corrects "
    "(silver) and each day's features over the days before (gold); the other writes the sums only"
)


def run(size: Size, stand: Stand) -> Iterator[Measurement]:
    """Events per second until the sums of them all are written."""
    users, days = WORK[size]
    with stand.site() as settings:
        last = today(SystemClock(), "UTC") - timedelta(days=1)
        count = fill(settings, users, days, last)
        spark = stand.session()
        text = f"{users:,} subscribers, {days} days, an event a day, 2 partitions"
        ours = partial(_ours, spark, settings, count)
        with flink.ready(settings.kafka, count) as ask:
            figure = Figure("daily_sums_vs_flink", "events/s", True, text, f"{NOTE}, in Parquet")
            theirs = partial(_theirs, ask, count)
            yield compare(figure, "Flink SQL, TUMBLE", ours, theirs, ROUNDS[size])
        with pathway.ready(settings.kafka, count) as ask:
            note = f"{NOTE}, in {pathway.NOTE}"
            figure = Figure("daily_sums_vs_pathway", "events/s", True, text, note)
            theirs = partial(_theirs, ask, count)
            yield compare(figure, "Pathway, windowby tumbling", ours, theirs, ROUNDS[size])


def _ours(spark: SparkSession, settings: Settings, count: int) -> float:
    with scratch() as folder:
        return count / sum(way(spark, settings, folder))


def _theirs(ask: apart.Ask, count: int) -> float:
    with scratch() as folder:
        return count / ask("daily_sums", folder)
