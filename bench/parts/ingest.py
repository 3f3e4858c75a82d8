"""Kafka to Delta: ours with every guarantee, beside the ways that come without them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from pyspark.sql import SparkSession

from bench.events import fill
from bench.measure import ROUNDS, Figure, Measurement, Size, compare, seconds
from bench.opponents import apart, flink, pathway, polars_delta_rs, spark_plain
from bench.stages import to_end, work
from bench.stand import Stand, scratch, with_lake
from lakehouse.clock import SystemClock, today
from lakehouse.domains.settings import Settings

WORK = {"small": (1_000, 20), "full": (5_000, 300)}


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Events per second of an ingest from the beginning of a full topic to its end."""
    users, days = WORK[size]
    with stand.site() as settings:
        last = today(SystemClock(), "UTC") - timedelta(days=1)
        count = fill(settings, users, days, last)
        spark = stand.session()
        text = f"{count:,} messages of 290 bytes, 2 partitions"
        note = "ours validates, quarantines and is exactly-once; the other does none of it"
        ours = partial(_rate, count, partial(_ours, spark, settings))
        plain = partial(_rate, count, partial(spark_plain.ingest, spark, settings.kafka))
        script = partial(_rate, count, partial(polars_delta_rs.ingest, settings.kafka))
        rounds = ROUNDS[size]
        figures = [
            compare(
                Figure("ingest_vs_spark_plain", "events/s", True, text, note),
                "Spark from_json to Delta", ours, plain, rounds,
            ),
            compare(
                Figure("ingest_vs_polars_delta_rs", "events/s", True, text, note),
                "confluent-kafka, polars, delta-rs", ours, script, rounds,
            ),
        ]  # fmt: skip
        with flink.ready(settings.kafka, count) as ask:
            theirs = partial(_rate_of, count, ask)
            figures.append(
                compare(
                    Figure("ingest_vs_flink", "events/s", True, text, f"{note}; Parquet, no Delta"),
                    "Flink SQL to Parquet", ours, theirs, rounds,
                )
            )  # fmt: skip
        with pathway.ready(settings.kafka, count) as ask:
            theirs = partial(_rate_of, count, ask)
            figures.append(
                compare(
                    Figure("ingest_vs_pathway", "events/s", True, text, f"{note}; {pathway.NOTE}"),
                    "Pathway to JSON lines", ours, theirs, rounds,
                )
            )  # fmt: skip
        return figures


def _rate_of(count: int, ask: apart.Ask) -> float:
    with scratch() as folder:
        return count / ask("rows", folder)


def _rate(count: int, way: Callable[[Path], None]) -> float:
    with scratch() as folder:
        return count / seconds(partial(way, folder))


def _ours(spark: SparkSession, settings: Settings, folder: Path) -> None:
    to_end(work("ingest", spark, with_lake(settings, folder)))
