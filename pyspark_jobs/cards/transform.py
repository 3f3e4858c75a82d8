"""Bronze to gold: the features of the cards that a micro-batch touches."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.domains.cards import contracts, names
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from pyspark_jobs.cards.features import card_features
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import queries, readers


def start(spark: SparkSession, settings: Settings, every_seconds: float | None) -> StreamingQuery:
    """Start the query that keeps the features up to date with bronze."""
    tables.create_missing(settings, contracts.BRONZE_TRANSACTIONS, contracts.GOLD_FEATURES)
    bronze = table_uri(settings.lake_uri, names.BRONZE_TRANSACTIONS)
    rows = readers.table_stream(spark, bronze, settings.spark.max_files_per_trigger)
    transform = Transform(spark, settings).write_batch
    write = queries.noting(names.TRANSFORM, settings, transform, names.GOLD_FEATURES)
    every = queries.following(settings.spark, every_seconds)
    return queries.start(names.TRANSFORM, rows, write, settings, every)


class Transform:
    """Appends the features of new transactions.

    The features of a transaction depend on the card's earlier ones, so all of a card that is
    touched is computed again, in tasks, and what gold has already is left out. A batch that is
    replayed therefore adds nothing.
    """

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self._spark = spark
        self._bronze = table_uri(settings.lake_uri, names.BRONZE_TRANSACTIONS)
        self._gold = table_uri(settings.lake_uri, names.GOLD_FEATURES)

    def write_batch(self, batch: DataFrame, batch_id: int) -> None:
        """Write the features of one micro-batch's transactions."""
        touched = batch.select("cc_num").distinct()
        history = readers.read_table(self._spark, self._bronze).join(touched, "cc_num", "semi")
        stored = readers.read_table(self._spark, self._gold).select("trans_num")
        fresh = card_features(history).join(stored, "trans_num", "anti")
        fresh.select(*contracts.GOLD_FEATURES.names).write.format("delta").mode("append").option(
            "txnAppId", names.TRANSFORM.name
        ).option("txnVersion", batch_id).save(self._gold)
