"""A default world as the two tables that training reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from deltalake import write_deltalake

from bench.churn_world import HORIZON, START, WINDOWS, features_of, usage_of, with_labels
from flaskapp.cdr.world.world import World
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import BRONZE_OUTCOMES, LABEL
from lakehouse.domains.cdr.features import feature_names
from lakehouse.domains.cdr.settings import WorldSettings
from lakehouse.names import table_uri

STAMP = datetime(2026, 12, 31, tzinfo=UTC)


def world_of(seed: int, settings: WorldSettings) -> World:
    """The world of a seed with everything else as in `settings`."""
    return World(settings.model_copy(update={"seed": seed}), START)


def write_history(lake_uri: str, world: World, days: int) -> None:
    """Gold of the first `days` days and the outcomes known at their end."""
    usage = usage_of(world, 0, days - 1)
    rows = with_labels(features_of(usage, 0, days - 1 - HORIZON), usage)
    gold = rows.select("User", "Date", *feature_names(WINDOWS))
    gold_uri = table_uri(lake_uri, names.GOLD_FEATURES)
    write_deltalake(gold_uri, gold.to_arrow(), partition_by=["Date"])
    outcomes = rows.select(
        DP_MSISDN="User",
        date="Date",
        **{LABEL: "label"},
        known_at=pl.col("Date") + timedelta(days=HORIZON + 1),
        topic=pl.lit(names.TOPIC_OUTCOMES),
        partition=pl.lit(0, pl.Int32),
        offset=pl.int_range(pl.len(), dtype=pl.Int64),
        kafka_timestamp=pl.lit(STAMP),
        batch_id=pl.lit(0, pl.Int64),
        ingested_at=pl.lit(STAMP),
    )
    outcomes_uri = table_uri(lake_uri, names.BRONZE_OUTCOMES)
    write_deltalake(outcomes_uri, outcomes.select(BRONZE_OUTCOMES.names).to_arrow())
