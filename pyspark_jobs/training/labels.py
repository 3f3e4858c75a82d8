"""Labels that became known later, and which entities to take them from."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.domain import Outcomes, Scored
from lakehouse.outcomes import latest_in_sql

_PLACES = 10_000


def latest_outcomes(rows: DataFrame, outcomes: Outcomes, scored: Scored) -> DataFrame:
    """One row (entity, time, `label`) for each labelled entity and time of a table of outcomes.

    A message can arrive twice, and a late event can correct an outcome; the latest one counts. A
    row of features contains nothing after its time, and an outcome nothing before it, so joining
    the two on entity and time is a point-in-time join.
    """
    last = f.expr(latest_in_sql(outcomes)).cast("int").alias("label")
    names = {outcomes.entity: scored.entity, outcomes.time: scored.time}
    said = rows.groupBy(outcomes.entity, outcomes.time).agg(last)
    return said.withColumnsRenamed(names)


def filter_share_of_entities(rows: DataFrame, share: float, scored: Scored) -> DataFrame:
    """The rows of about this share of the entities; always the same entities."""
    if share >= 1:
        return rows
    place = f.pmod(f.xxhash64(scored.entity, f.lit("share")), f.lit(_PLACES))
    return rows.where(place < int(share * _PLACES))


def with_group(rows: DataFrame, groups: int, scored: Scored) -> DataFrame:
    """Add `group`, 0 to `groups` - 1; all rows of an entity are in the same group."""
    place = f.pmod(f.xxhash64(scored.entity, f.lit("group")), f.lit(groups))
    return rows.withColumn("group", place)
