"""Features of all cards in Spark tasks, by bucket of cards, by the one function for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.domains.segments.card_features import FEATURES, PURCHASE, card_features
from lakehouse.domains.segments.contracts import GOLD_HISTORY
from lakehouse.domains.segments.next_purchase import (
    FIRST_DAY,
    HORIZON,
    STORED_K,
    Coverage,
    day_number,
    with_next_purchase,
)

_SCHEMA = ", ".join(["card string", *(f"{name} double" for name in FEATURES)])
_LABELLED = f"as_of date, first_day double, {_SCHEMA}, wait bigint, seen bigint"
_HISTORY = ", ".join(
    f"{one.name} {one.kind}" for one in GOLD_HISTORY.fields
)  # the kinds string, date and double have the same names in SQL
BUCKETS = 16
# So many purchases of a bucket fit a task's memory with room to spare.
_OF_A_BUCKET = 500_000


def distinct_purchases(bronze: DataFrame) -> DataFrame:
    """The purchases of the bronze table, each id once, however often it was sent."""
    return bronze.dropDuplicates(["event_id"]).select(*PURCHASE)


def buckets_for(purchases: DataFrame) -> int:
    """In how many buckets of cards to work: one for each core, or more for many purchases."""
    cores = purchases.sparkSession.sparkContext.defaultParallelism
    return max(cores, -(-purchases.count() // _OF_A_BUCKET))


def features_of_cards(purchases: DataFrame, as_of: date, buckets: int = BUCKETS) -> DataFrame:
    """`card_features` of all cards as of a day. All purchases of a card are in one task."""
    return by_bucket(purchases, lambda held: card_features(held, as_of), _SCHEMA, buckets)


def history_rows(
    purchases: DataFrame, origins: tuple[date, ...], buckets: int = BUCKETS
) -> DataFrame:
    """Rows of `gold.card_history` of all cards as of several days."""

    def rows(held: pl.DataFrame) -> pl.DataFrame:
        return pl.concat(
            card_features(held, day).with_columns(
                pl.lit(day).alias("as_of"),
                pl.lit(float(day_number(day))).alias(FIRST_DAY),
                pl.lit(float(STORED_K)).alias(HORIZON),
            )
            for day in origins
        ).select(GOLD_HISTORY.names)

    return by_bucket(purchases, rows, _HISTORY, buckets)


def training_rows(
    purchases: DataFrame, origins: tuple[date, ...], coverage: Coverage, buckets: int = BUCKETS
) -> DataFrame:
    """Features and next purchase of all cards as of several days, one below the other."""

    def rows(held: pl.DataFrame) -> pl.DataFrame:
        return pl.concat(
            with_next_purchase(card_features(held, day), held, day, coverage) for day in origins
        ).select(_names(_LABELLED))

    return by_bucket(purchases, rows, _LABELLED, buckets)


def by_bucket(
    purchases: DataFrame,
    work: Callable[[pl.DataFrame], pl.DataFrame],
    schema: str,
    buckets: int = BUCKETS,
) -> DataFrame:
    """Apply a function of the whole history of some cards, in tasks, bucket by bucket."""

    def task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = [*batches]
        if held and sum(map(len, held)):
            frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches(held)))
            yield from work(frame).to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()

    bucket = f.pmod(f.xxhash64("card"), f.lit(buckets))
    return purchases.select(*PURCHASE).repartition(buckets, bucket).mapInArrow(task, schema)


def _names(schema: str) -> list[str]:
    return [column.split()[0] for column in schema.split(", ")]
