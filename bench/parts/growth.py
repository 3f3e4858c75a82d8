"""What a batch costs when the tables are young and when they are old.

A batch is what the driver does with it: parse, commit to bronze, take up into silver and gold.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

import polars as pl

from bench.events import events, messages
from bench.measure import ROUNDS, Figure, Measurement, Size, held, seconds
from bench.stand import Stand, scratch
from lakehouse.clock import FixedClock
from lakehouse.contracts import BUCKET
from lakehouse.domains.cdr import contracts
from lakehouse.domains.cdr.domain import EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.cdr.transform import Transform, create_tables
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.ingest.batch_writer import BatchWriter, WrittenFile, files_of
from pyspark_jobs.ingest.rules import Rules

USERS = 2_000
HISTORY_DAYS = 40
BATCHES_A_DAY = 4
FIRST_DAY = date(2026, 1, 1)
# A young and an old batch, and how many on either side count with them.
BATCHES = {"small": (2, 4, 1), "full": (20, 200, 5)}
BAR = 1.2


def run(size: Size, _: Stand) -> list[Measurement]:
    """Seconds of a batch around the two hundredth over seconds around the twentieth."""
    young, old, around = BATCHES[size]
    rounds = [_round(young, old, around) for _ in range(ROUNDS[size])]
    early, late = (1000 * median(one) for one in zip(*rounds, strict=True))
    figure = Figure(
        "cost_growth_batch_200", "x", False,
        f"batches of {USERS:,} events of as many subscribers, {BATCHES_A_DAY} a day",
        f"a round, in a lake of its own, compares medians of {2 * around} batches; medians of the "
        f"rounds: {early:.0f} ms around batch {young}, {late:.0f} ms around batch {old}",
    )  # fmt: skip
    return [held(figure, BAR, [late / early for early, late in rounds])]


def _round(young: int, old: int, around: int) -> tuple[float, float]:
    """Seconds of a batch around number `young` and around number `old`."""
    with scratch() as folder:
        lake = _Lake(folder)
        lake.take(lake.make(HISTORY_DAYS))
        took = [lake.seconds_of_next() for _ in range(old + around)]
    early, late = (median(took[at - around : at + around]) for at in (young, old))
    return early, late


class _Lake:
    """A lake that is fed without Kafka and without Spark."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(state_dir=str(folder), lake=LakeSettings(uri=str(folder / "lake")))
        self._feed = EVENTS
        tables.create_missing(settings, self._feed.quarantine)
        create_tables(settings)
        self._bronze = DeltaTableWriter(settings.lake_uri, self._feed.bronze, {})
        self._uri = settings.lake_uri
        clock = FixedClock(datetime(2026, 12, 31, tzinfo=UTC))
        self._transform, self._now = Transform(settings, clock), clock.now()
        self._batch, self._made = 0, 0

    def make(self, days: int) -> pl.DataFrame:
        """The next messages, as Kafka would give them."""
        day = max(0, self._batch - 1) // BATCHES_A_DAY + (HISTORY_DAYS if self._batch else 0)
        frame = events(USERS, FIRST_DAY + timedelta(days=day), days, self._made, seed=self._batch)
        values, count = messages(frame), len(frame)
        self._made += count
        self._batch += 1
        return pl.DataFrame(
            {
                "key": pl.Series([b"k"] * count, dtype=pl.Binary),
                "value": pl.Series(values, dtype=pl.Binary),
                "partition": pl.Series([0] * count, dtype=pl.Int32),
                "offset": pl.Series(range(self._made - count, self._made), dtype=pl.Int64),
                "kafka_timestamp": pl.Series([self._now] * count, dtype=pl.Datetime("us", "UTC")),
            }
        )

    def seconds_of_next(self) -> float:
        """What the next batch costs; making it up does not count."""
        batch = self.make(1)
        return seconds(lambda: self.take(batch))

    def take(self, wire: pl.DataFrame) -> None:
        """Bring one batch into all tables."""
        feed, batch, now = self._feed, self._batch, self._now
        writer = BatchWriter(Rules(feed, now), self._uri, {}, batch)
        batches = wire.to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()
        rows = [row for one in writer.write(iter(batches)) for row in one.to_pylist()]
        written = [WrittenFile(**row) for row in rows]
        self._bronze.append_files(files_of(written, good=True), feed.identity.name, batch, now)
        files = [f"{table_uri(self._uri, feed.bronze.name)}/{one.path}" for one in written]
        self._transform.apply_events(_event_columns(pl.read_parquet(files)))


def _event_columns(bronze: pl.DataFrame) -> pl.DataFrame:
    """What `daily.event_columns` takes of bronze, with another hash."""
    return bronze.select(
        pl.col("DP_MSISDN").alias("User"),
        "Date",
        pl.col("event_id").hash().reinterpret(signed=True).alias("event_hash"),
        *contracts.MEASURE_NAMES,
        "emitted_at",
        pl.lit(0, pl.Int32).alias(BUCKET.name),
    )
