"""The truth that came later, and which subscribers of it to take."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.domains.cdr.contracts import LABEL

_PLACES = 10_000


def latest_outcomes(outcomes: DataFrame) -> DataFrame:
    """One row (User, Date, label) for each labelled subscriber and date.

    A message can come twice, and a late event can correct an outcome; the last word counts. A row
    of gold knows nothing after its Date and an outcome of Date nothing before it, so a join of the
    two on User and Date is one in time.
    """
    last = f.max_by(LABEL, f.struct("known_at", "kafka_timestamp", "offset"))
    named = outcomes.withColumnsRenamed({"DP_MSISDN": "User", "date": "Date"})
    return named.groupBy("User", "Date").agg(last.alias("label"))


def filter_share_of_subscribers(rows: DataFrame, share: float) -> DataFrame:
    """The rows of about this share of the subscribers, always the same ones."""
    if share >= 1:
        return rows
    place = f.pmod(f.xxhash64("User", f.lit("share")), f.lit(_PLACES))
    return rows.where(place < int(share * _PLACES))


def with_group(rows: DataFrame, groups: int) -> DataFrame:
    """Add `group`, 0 to `groups` - 1: all rows of a subscriber are in one."""
    return rows.withColumn("group", f.pmod(f.xxhash64("User", f.lit("group")), f.lit(groups)))
