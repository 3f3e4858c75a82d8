"""Outcomes to predictions: what came true is filled in, and nothing else happens."""

from __future__ import annotations

from typing import cast

import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import Clock
from lakehouse.domains.cdr import contracts, names
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import queries, readers
from pyspark_jobs.scoring.predictions import Predictions


def start(
    spark: SparkSession, settings: Settings, clock: Clock, every_seconds: float | None
) -> StreamingQuery:
    """Start the query that labels predictions as outcomes arrive."""
    tables.create_missing(settings, contracts.PREDICTIONS, contracts.BRONZE_OUTCOMES)
    bronze = table_uri(settings.lake_uri, names.BRONZE_OUTCOMES)
    arrived = readers.table_stream(spark, bronze, settings.spark.max_files_per_trigger)
    predictions = Predictions(settings, clock)

    def write_batch(outcomes: DataFrame, _batch_id: int) -> None:
        # Only whose days they are: the batch may hold an older word than bronze does.
        days = outcomes.selectExpr("DP_MSISDN AS User", "date AS Date").distinct()
        predictions.label(cast(pl.DataFrame, pl.from_arrow(days.toArrow())))

    return queries.start(
        names.OUTCOMES_JOIN, arrived, write_batch, settings.lake_uri, every_seconds
    )
