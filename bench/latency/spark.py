"""The three queries in Spark SQL, in micro-batches or in real-time mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from bench.latency.queries import CATEGORY_OF, Job, Query
from pyspark_jobs.engine.readers import kafka_options

Mode = Literal["micro-batch", "real-time"]
SCHEMA = "event_id STRING, page STRING, number BIGINT, amount DOUBLE, at BIGINT"
# What the documentation of real-time mode uses; a checkpoint is written so often.
BATCH = "5 minutes"


@contextmanager
def running(spark: SparkSession, job: Job, mode: Mode) -> Iterator[None]:
    """A query of the session until the end."""
    options = kafka_options(job.kafka)
    messages = (
        spark.readStream.format("kafka")
        .options(**options)
        .option("subscribe", job.topic_in)
        .option("startingOffsets", "earliest")
        .load()
    )
    views = messages.select(sf.from_json(sf.col("value").cast("string"), SCHEMA).alias("view"))
    followed = _followed(spark, views.select("view.*"), job.query)
    writer = (
        followed.select(sf.to_json(sf.struct(*followed.columns)).alias("value"))
        .writeStream.format("kafka")
        .options(**options)
        .option("topic", job.topic_out)
        .option("checkpointLocation", str(job.folder))
        .outputMode("update")
    )
    trigger = {"realTime": BATCH} if mode == "real-time" else {"processingTime": "0 seconds"}
    started = writer.trigger(**trigger).start()
    try:
        yield
    finally:
        started.stop()


def _followed(spark: SparkSession, views: DataFrame, query: Query) -> DataFrame:
    if query == "stateless":
        cents = sf.round(sf.col("amount") * 100).cast("bigint")
        return views.select("event_id", cents.alias("cents"))
    if query == "count":
        return views.groupBy("page").agg(sf.count("*").alias("views"))
    categories = spark.createDataFrame(list(CATEGORY_OF.items()), "page STRING, category STRING")
    return views.join(sf.broadcast(categories), "page").select("event_id", "category")
