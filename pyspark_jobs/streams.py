"""Streaming queries, started by identity: name and checkpoint are computed, never typed."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.names import QueryIdentity
from lakehouse.settings.model import SparkSettings

BatchSink = Callable[[DataFrame, int], None]


def interval(spark: SparkSettings) -> float | None:
    """Seconds between micro-batches in service; None when the trigger is `availableNow`."""
    return spark.trigger_seconds if spark.trigger == "processingTime" else None


def start(
    identity: QueryIdentity,
    source: DataFrame,
    write_batch: BatchSink,
    lake_uri: str,
    every_seconds: float | None,
) -> StreamingQuery:
    """Start the query `identity`: each micro-batch of `source` goes to `write_batch`.

    With `every_seconds` it runs until stopped, otherwise until what is there has been read.
    """
    writer = (
        source.writeStream.queryName(identity.name)
        .option("checkpointLocation", identity.checkpoint(lake_uri))
        .foreachBatch(write_batch)
    )
    if every_seconds is None:
        return writer.trigger(availableNow=True).start()
    return writer.trigger(processingTime=f"{every_seconds} seconds").start()
