"""What a Spark user writes first: Kafka, `from_json` with the schema, append to Delta.

Nothing is checked: a message that does not fit becomes a row of nulls.
"""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from lakehouse.domains.cdr import names
from lakehouse.settings.kafka import KafkaSettings

SCHEMA = """
id BIGINT, DP_DATE TIMESTAMP, DP_MSISDN STRING, DP_MOC_COUNT BIGINT, DP_MOC_DURATION DECIMAL(18, 3),
DP_MTC_COUNT BIGINT, DP_MTC_DURATION DECIMAL(18, 3), DP_MOSMS_COUNT BIGINT, DP_MTSMS_COUNT BIGINT,
DP_DATA_COUNT BIGINT, DP_DATA_VOLUME DECIMAL(18, 3), event_id STRING, emitted_at TIMESTAMP
"""


def ingest(spark: SparkSession, kafka: KafkaSettings, folder: Path) -> None:
    """Read the topic of events to its end into a Delta table in `folder`."""
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", kafka.bootstrap_servers)
        .option("subscribe", names.TOPIC_EVENTS)
        .option("startingOffsets", "earliest")
        .load()
    )
    parsed = messages.select(
        f.from_json(f.col("value").cast("string"), SCHEMA).alias("event"),
        "topic",
        "partition",
        "offset",
        f.col("timestamp").alias("kafka_timestamp"),
    )
    rows = parsed.select("event.*", "topic", "partition", "offset", "kafka_timestamp").withColumn(
        "Date", f.to_date("DP_DATE")
    )
    writer = rows.writeStream.format("delta").option(
        "checkpointLocation", str(folder / "checkpoint")
    )
    writer.trigger(availableNow=True).start(str(folder / "table")).awaitTermination()
