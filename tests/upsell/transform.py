"""Events to features: the usage of each subscriber in each hour, once the hour is over."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.domains.cdr.contracts import BRONZE_EVENTS
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import queries, readers
from tests.upsell.domain import TRANSFORM, USAGE_BY_HOUR

LATENESS = "30 minutes"
# An hour ends when time has passed it, and not only when another event comes.
_NO_DATA = "spark.sql.streaming.noDataMicroBatches.enabled"


def start(spark: SparkSession, settings: Settings, every_seconds: float | None) -> StreamingQuery:
    """Start the query that adds each hour to the table of features."""
    tables.create_missing(settings, USAGE_BY_HOUR)
    spark.conf.set(_NO_DATA, "true")
    place, most = settings.lake_uri, settings.spark.max_files_per_trigger
    events = readers.table_stream(spark, table_uri(place, BRONZE_EVENTS.name), most)
    uri = table_uri(place, USAGE_BY_HOUR.name)

    def write_batch(hours: DataFrame, batch_id: int) -> None:
        writer = hours.write.format("delta").mode("append")
        writer.option("txnAppId", TRANSFORM.name).option("txnVersion", batch_id).save(uri)

    write = queries.noting(TRANSFORM, settings, write_batch, USAGE_BY_HOUR.name)
    return queries.start(TRANSFORM, by_hour(events), write, settings, every_seconds)


def by_hour(events: DataFrame) -> DataFrame:
    """Rows of `USAGE_BY_HOUR` from events; a repeated event counts once."""
    hour = f.window("DP_DATE", "1 hour")
    once = events.withWatermark("DP_DATE", LATENESS).dropDuplicatesWithinWatermark(["event_id"])
    usage = once.groupBy(hour, "DP_MSISDN").agg(
        (f.sum("DP_DATA_VOLUME").cast("double") / 1e6).alias("megabytes"),
        (f.sum(f.expr("DP_MOC_DURATION + DP_MTC_DURATION")).cast("double") / 60).alias("minutes"),
        f.sum(f.expr("DP_MOSMS_COUNT + DP_MTSMS_COUNT")).cast("double").alias("texts"),
        f.max("emitted_at").alias("last_emitted_at"),
    )
    named = usage.withColumns({"hour": f.col("window.start"), "msisdn": f.col("DP_MSISDN")})
    return named.select(*USAGE_BY_HOUR.names)
