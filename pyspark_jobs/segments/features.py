"""Features of all cards in Spark tasks, by bucket of cards, by the one function for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.domains.segments.card_features import FEATURES, PURCHASE, card_features
from lakehouse.domains.segments.next_purchase import Coverage, with_next_purchase

_SCHEMA = ", ".join(["card string", *(f"{name} double" for name in FEATURES)])
_LABELLED = f"as_of date, first_day double, {_SCHEMA}, wait bigint, seen bigint"
BUCKETS = 16


def distinct_purchases(bronze: DataFrame) -> DataFrame:
    """The purchases of the bronze table, each id once, however often it was sent."""
    return bronze.dropDuplicates(["event_id"]).select(*PURCHASE)


def features_of_cards(purchases: DataFrame, as_of: date, buckets: int = BUCKETS) -> DataFrame:
    """`card_features` of all cards as of a day. All purchases of a card are in one task."""
    return _by_bucket(purchases, lambda held: card_features(held, as_of), _SCHEMA, buckets)


def training_rows(
    purchases: DataFrame, origins: tuple[date, ...], coverage: Coverage, buckets: int = BUCKETS
) -> DataFrame:
    """Features and next purchase of all cards as of several days, one below the other."""

    def rows(held: pl.DataFrame) -> pl.DataFrame:
        return pl.concat(
            with_next_purchase(card_features(held, day), held, day, coverage) for day in origins
        ).select(_names(_LABELLED))

    return _by_bucket(purchases, rows, _LABELLED, buckets)


def _by_bucket(
    purchases: DataFrame, work: Callable[[pl.DataFrame], pl.DataFrame], schema: str, buckets: int
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
