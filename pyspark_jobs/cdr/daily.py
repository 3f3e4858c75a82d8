"""Turns events into one row per subscriber and day, counting each event once."""

from __future__ import annotations

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.contracts import BUCKET, DECIMAL_PLACES, Field
from lakehouse.domains.cdr.contracts import DAY_MAX, MEASURE_NAMES, MEASURES, SILVER_DAILY
from lakehouse.kinds import KINDS

KEY = ["User", "Date"]
COLUMNS = [name for name in SILVER_DAILY.names if name != BUCKET.name]


def event_columns(bronze: DataFrame, buckets: int) -> DataFrame:
    """What silver needs from bronze: the day's key, the event's hash, amounts, emission time.

    With them comes the subscriber's bucket.
    """
    return bronze.select(
        f.col("DP_MSISDN").alias("User"),
        "Date",
        f.xxhash64("event_id").alias("event_hash"),
        *MEASURE_NAMES,
        "emitted_at",
        f.pmod(f.xxhash64("DP_MSISDN"), f.lit(buckets)).cast("int").alias(BUCKET.name),
    )


def apply_events(stored: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Rows of silver that change when `events` are added to the rows `stored`.

    Each day keeps the hashes of its events, so an event that comes again, in this batch or years
    later, is not counted again: no state, no watermark. Sums are exact in any order. The result has
    all columns of silver but the bucket.
    """
    counted = stored.select(*KEY, event_hash="event_hashes").explode("event_hash")
    once = events.unique([*KEY, "event_hash"], maintain_order=True)
    fresh = once.join(counted, on=[*KEY, "event_hash"], how="anti")
    rows = fresh.select(
        *KEY,
        *MEASURE_NAMES,
        events=pl.lit(1, dtype=pl.Int64),
        last_emitted_at="emitted_at",
        event_hashes=pl.col("event_hash").reshape((-1, 1)).arr.to_list(),
    )
    before = stored.join(fresh, on=KEY, how="semi").select(rows.columns)
    return _summed(pl.concat([before, rows]))


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    amounts = [_sum(field) for field in MEASURES]
    days = rows.group_by(KEY).agg(
        *amounts,
        pl.col("events").sum(),
        pl.col("last_emitted_at").max(),
        pl.col("event_hashes").explode().sort(),
    )
    return days.select(COLUMNS).sort("Date", "User")


def _sum(field: Field) -> pl.Expr:
    """The sum of a measure over a day; a decimal is capped at the largest value its column holds.

    Nothing that a producer sends may overflow a table. Amounts are never negative, so a capped sum
    is still the same in any order and however it is split into batches.
    """
    if field.kind != "decimal":
        return pl.col(field.name).sum()
    exact = pl.col(field.name).cast(pl.Decimal(38, DECIMAL_PLACES)).sum()
    return pl.min_horizontal(exact, pl.lit(DAY_MAX)).cast(KINDS["decimal"].polars).alias(field.name)
