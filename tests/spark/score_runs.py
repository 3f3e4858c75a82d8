"""Running the scoring queries on the small installation, and what they leave."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.domains.cdr import names
from lakehouse.names import table_uri
from pyspark_jobs.cdr.churn_scoring import scoring_context
from pyspark_jobs.engine import readers
from pyspark_jobs.scoring.context import ScoringContext
from tests.spark.model_site import (
    FEATURES,
    START,
    Site,
)


def predictions(site: Site) -> pl.DataFrame:
    stored = pl.read_delta(table_uri(site.settings.lake_uri, names.PREDICTIONS))
    return stored.sort("Date", "User", "model_version")


def context(site: Site) -> ScoringContext:
    return scoring_context(site.settings, site.registry, site.clock)


def run_to_end(query: StreamingQuery) -> None:
    query.awaitTermination()
    assert query.exception() is None


def gold_of(spark: SparkSession, copy: Site, day: int) -> DataFrame:
    """One day of gold as a batch of its change feed, one row of it twice."""
    gold = readers.read_table(spark, table_uri(copy.settings.lake_uri, names.GOLD_FEATURES))
    rows = gold.where(f.col("Date") == START + timedelta(days=day))
    rows = rows.withColumn("_commit_version", f.lit(5))
    old = rows.limit(1).withColumn("_commit_version", f.lit(4)).withColumn(FEATURES[0], f.lit(99.0))
    return rows.unionByName(old)
