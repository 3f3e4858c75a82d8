"""Outcomes to predictions: fills in the labels and changes nothing else."""

from __future__ import annotations

from typing import cast

import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.errors import StreamError
from lakehouse.names import table_uri
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import queries, readers
from pyspark_jobs.scoring.context import ScoringContext
from pyspark_jobs.scoring.predictions import Predictions


def start(
    spark: SparkSession, context: ScoringContext, every_seconds: float | None
) -> StreamingQuery:
    """Start the query that labels predictions as outcomes arrive.

    Raises `StreamError` if no table of outcomes is declared.
    """
    settings, scored, outcomes = context.settings, context.scored, context.scored.outcomes
    if outcomes is None:
        raise StreamError(
            context.labelling.name, f"outcomes of {scored.model}", "none", "declare their table"
        )
    tables.create_missing(settings, scored.table, outcomes.table)
    bronze = table_uri(settings.lake_uri, outcomes.table.name)
    arrived = readers.table_stream(spark, bronze, settings.spark.max_files_per_trigger)
    predictions = Predictions(context)
    of_whom = f.col(outcomes.entity).alias(scored.entity), f.col(outcomes.time).alias(scored.time)

    def write_batch(batch: DataFrame, _batch_id: int) -> None:
        # Only whom they speak of: the batch may hold an older word than bronze does.
        keys = batch.select(*of_whom).distinct()
        predictions.label(cast(pl.DataFrame, pl.from_arrow(keys.toArrow())))

    write = queries.noting(context.labelling, settings, write_batch, scored.table.name)
    every = queries.following(context.settings.spark, every_seconds)
    return queries.start(context.labelling, arrived, write, settings, every)
