"""The latest of several outcomes for the same entity and time, for polars and for Spark.

A message can arrive twice, and be followed by a correction; the greatest by `Outcomes.order`
counts, with missing values sorting first. Rows without a label are ignored. Both forms must agree,
so they are kept side by side.
"""

from __future__ import annotations

import polars as pl

from lakehouse.domain import Outcomes


def latest(rows: pl.LazyFrame, outcomes: Outcomes) -> pl.LazyFrame:
    """Entity, time and label of the latest outcomes, under the outcomes table's own names."""
    key = [outcomes.entity, outcomes.time]
    told = rows.filter(pl.col(outcomes.label).is_not_null())
    ranked = told.sort(outcomes.order, nulls_last=False, maintain_order=True)
    return ranked.unique(key, keep="last").select(*key, outcomes.label)


def latest_in_sql(outcomes: Outcomes) -> str:
    """Spark SQL aggregate for the label of the latest outcome in a group by entity and time.

    >>> from types import SimpleNamespace
    >>> latest_in_sql(SimpleNamespace(label="bad", order=("known_at", "offset")))
    'max_by(`bad`, struct(`known_at`, `offset`)) FILTER (WHERE `bad` IS NOT NULL)'
    """
    order = ", ".join(f"`{name}`" for name in outcomes.order)
    told = f"FILTER (WHERE `{outcomes.label}` IS NOT NULL)"
    return f"max_by(`{outcomes.label}`, struct({order})) {told}"
