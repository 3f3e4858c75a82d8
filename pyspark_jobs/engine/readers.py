"""Everything the jobs read, streaming and not; no other module touches a reader."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession

from lakehouse.kafka_options import java_options
from lakehouse.settings.kafka import KafkaSettings

# One fetch should fill a task's Arrow batch; the defaults fetch 1 MiB and 500 messages.
_CONSUMER = {
    "kafka.max.partition.fetch.bytes": "8388608",
    "kafka.max.poll.records": "20000",
    "kafka.receive.buffer.bytes": "1048576",
    # What a producer took back in a transaction was never said.
    "kafka.isolation.level": "read_committed",
}
# Rows of a batch come to the driver; so many bytes of Parquet are half a million of them.
_BATCH_BYTES = "16m"


def kafka_stream(
    spark: SparkSession,
    kafka: KafkaSettings,
    topic: str,
    max_offsets: int,
    stop_at_gap: bool = True,
) -> DataFrame:
    """Messages of `topic` from its beginning; messages lost at the broker stop the query."""
    reader = (
        spark.readStream.format("kafka")
        .options(**_CONSUMER, **kafka_options(kafka))
        .option("subscribe", kafka.topic(topic))
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", stop_at_gap)
    )
    return reader.option("maxOffsetsPerTrigger", max_offsets).load()


def kafka_options(kafka: KafkaSettings) -> Mapping[str, str]:
    """Connection options of Spark's Kafka source and sink."""
    return {f"kafka.{name}": value for name, value in java_options(kafka).items()}


def table_stream(
    spark: SparkSession, uri: str, max_files: int, max_bytes: str = _BATCH_BYTES
) -> DataFrame:
    """Rows appended to a Delta table: first the existing rows, then new ones.

    A batch has about `max_bytes` of Parquet; more than the default suits rows that stay in tasks.
    """
    reader = spark.readStream.format("delta").option("maxFilesPerTrigger", max_files)
    return reader.option("maxBytesPerTrigger", max_bytes).load(uri)


def added_rows(spark: SparkSession, uri: str, max_files: int, first_version: int) -> DataFrame:
    """Rows added to a Delta table from a version on; whole partitions may be deleted meanwhile."""
    reader = spark.readStream.format("delta").option("maxFilesPerTrigger", max_files)
    reader = reader.option("maxBytesPerTrigger", _BATCH_BYTES).option("ignoreDeletes", "true")
    return reader.option("startingVersion", first_version).load(uri)


def change_stream(spark: SparkSession, uri: str, max_files: int) -> DataFrame:
    """Changes of a Delta table with a change feed, with `_change_type` and `_commit_version`.

    Rows already in the table when the query first starts arrive as inserts.
    """
    reader = spark.readStream.format("delta").option("readChangeFeed", "true")
    return reader.option("maxFilesPerTrigger", max_files).load(uri)


def read_table(spark: SparkSession, uri: str, version: int | None = None) -> DataFrame:
    """A Delta table in its latest version, or as of `version`."""
    reader = spark.read.format("delta")
    return (reader if version is None else reader.option("versionAsOf", version)).load(uri)


def read_parquet(spark: SparkSession, uri: str) -> DataFrame:
    """A folder of Parquet files."""
    return spark.read.parquet(uri)
