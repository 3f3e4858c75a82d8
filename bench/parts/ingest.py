"""Kafka to Delta: ours with every guarantee, beside the ways that come without them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from types import ModuleType

from pyspark.sql import SparkSession

from bench import topics
from bench.events import fill
from bench.measure import ROUNDS, Figure, Measurement, Name, Size, compare, seconds
from bench.opponents import apart, flink, pathway, polars_delta_rs, spark_plain
from bench.stages import to_end, work
from bench.stand import Stand, scratch, with_lake
from lakehouse.clock import SystemClock, today
from lakehouse.domain import Feed, Topic
from lakehouse.domains.cdr.domain import EVENTS
from lakehouse.domains.settings import Settings
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake

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
        with _extras(settings, users, days, last) as feed:
            other = f"{count:,} messages with one unknown field, 2 partitions"
            extra = partial(_rate, count, partial(_from, spark, settings, feed))
            figure = Figure("ingest_extra_vs_plain", "events/s", True, other)
            figures.append(compare(figure, "the same without that field", extra, ours, rounds))
        engines: tuple[tuple[ModuleType, Name, str, str], ...] = (
            (flink, "ingest_vs_flink", "Flink SQL to Parquet", f"{note}; Parquet, no Delta"),
            (pathway, "ingest_vs_pathway", "Pathway to JSON lines", f"{note}; {pathway.NOTE}"),
        )
        for engine, name, other, said in engines:
            with engine.ready(settings.kafka, count) as ask:
                figure = Figure(name, "events/s", True, text, said)
                theirs = partial(_rate_of, count, ask)
                figures.append(compare(figure, other, ours, theirs, rounds))
        return figures


@contextmanager
def _extras(settings: Settings, users: int, days: int, last: date) -> Iterator[Feed]:
    """The feed of a topic whose messages have an unknown field each."""
    feed = replace(EVENTS, topic=f"{EVENTS.topic}-extra")
    with topics.temporary(settings.kafka, [Topic(feed.topic)]):
        fill(settings, users, days, last, feed.topic, extra="plan")
        yield feed


def _rate_of(count: int, ask: apart.Ask) -> float:
    with scratch() as folder:
        return count / ask("rows", folder)


def _rate(count: int, way: Callable[[Path], None]) -> float:
    with scratch() as folder:
        return count / seconds(partial(way, folder))


def _ours(spark: SparkSession, settings: Settings, folder: Path) -> None:
    to_end(work("ingest", spark, with_lake(settings, folder)))


def _from(spark: SparkSession, settings: Settings, feed: Feed, folder: Path) -> None:
    intake, lake = Intake(feed, settings.cdr), with_lake(settings, folder)
    to_end(lambda: ingest.start(spark, lake, intake, SystemClock(), None))
