"""The table of users: the latest state of each, from the changes of the database.

A change is what Debezium writes after `ExtractNewRecordState`: the row, with `__deleted` where it
is gone. A tombstone follows a deletion for Kafka's sake and says nothing new.
"""

from __future__ import annotations

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.window import Window

from lakehouse.clock import Clock
from lakehouse.domains.clicks import contracts, names
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import queries, readers
from pyspark_jobs.ingest import data_loss

COLUMNS = "id int, name string, platform string, country string, ip_address string, nb_orders int"
MESSAGE = f"{COLUMNS}, __deleted string"


def start(
    spark: SparkSession,
    settings: Settings,
    clock: Clock,
    every_seconds: float | None,
    accept_loss: bool = False,
) -> StreamingQuery:
    """Start the query that keeps the table; what is no change of a user goes to quarantine.

    Raises `StreamError` when unread changes are gone from the topic, or a table has lost what the
    query wrote to it.
    """
    tables.create_missing(settings, contracts.USERS, contracts.QUARANTINE_USERS)
    data_loss.check(settings, names.USERS_TABLE, names.TOPIC_USERS, clock, accept_loss)
    limit = settings.spark.max_offsets_per_trigger
    messages = readers.kafka_stream(
        spark, settings.kafka, names.TOPIC_USERS, limit, stop_at_gap=not accept_loss
    )

    def write_batch(batch: DataFrame, batch_id: int) -> None:
        changes = with_change(batch.where("value IS NOT NULL")).persist()
        try:
            keep(settings, latest(changes.where("id IS NOT NULL")))
            bad = refused(changes.where("id IS NULL"), batch_id, clock)
            writer = bad.write.format("delta").mode("append")
            writer = writer.option("txnAppId", names.USERS_TABLE.name)
            uri = table_uri(settings.lake_uri, names.QUARANTINE_USERS)
            writer.option("txnVersion", batch_id).save(uri)
        finally:
            changes.unpersist()

    written = (names.USERS, names.QUARANTINE_USERS)
    write = queries.noting(names.USERS_TABLE, settings, write_batch, *written)
    return queries.start(names.USERS_TABLE, messages, write, settings, every_seconds)


def with_change(messages: DataFrame) -> DataFrame:
    """Messages with the fields of the change; `id` is null where there is none."""
    change = f.from_json(f.col("value").cast("string"), MESSAGE).alias("change")
    return messages.select("*", change).select("*", "change.*").drop("change")


def latest(changes: DataFrame) -> DataFrame:
    """The last change of each user in `changes`, in the columns of the table and `is_gone`."""
    order = Window.partitionBy("id").orderBy(f.col("offset").desc())
    last = changes.withColumn("rank", f.row_number().over(order)).where("rank = 1")
    gone = f.coalesce(f.col("__deleted") == "true", f.lit(False)).alias("is_gone")
    state = [name for name in contracts.USERS.names if name != "position"]
    return last.select(*state, f.col("offset").alias("position"), gone)


def keep(settings: Settings, changes: DataFrame) -> None:
    """Merge changes into the table; one that is older than what the table has changes nothing."""
    table = DeltaTable.forPath(
        changes.sparkSession, table_uri(settings.lake_uri, names.USERS)
    ).alias("kept")
    values = {name: f"new.{name}" for name in contracts.USERS.names}
    merge = table.merge(changes.alias("new"), "kept.id = new.id")
    newer = "new.position > kept.position"
    merge = merge.whenMatchedDelete(f"{newer} AND new.is_gone")
    merge = merge.whenMatchedUpdate(newer, set=values)
    merge.whenNotMatchedInsert("NOT new.is_gone", values=values).execute()


def refused(messages: DataFrame, batch_id: int, clock: Clock) -> DataFrame:
    """Messages as the quarantine keeps them."""
    return messages.select(
        f.lit("not_json").alias("reasons"),
        f.lit("expected a JSON object with the id of a user").alias("detail"),
        "key",
        f.col("value").alias("raw"),
        "topic",
        "partition",
        "offset",
        f.col("timestamp").alias("kafka_timestamp"),
        f.lit(batch_id).cast("long").alias("batch_id"),
        f.lit(clock.now()).alias("ingested_at"),
    )
