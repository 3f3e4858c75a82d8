"""A query whose table or checkpoint has lost something does not go on, and says what it was."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import write_deltalake
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.names import QueryIdentity, table_uri
from pyspark_jobs.cdr import transform
from pyspark_jobs.cdr.churn_scoring import scoring_context
from pyspark_jobs.cdr.transform import create_tables
from pyspark_jobs.engine import failures, queries, readers
from pyspark_jobs.scoring import score
from tests.spark.model_site import Site
from tests.spark.sound_lake import bronze

QUERY = QueryIdentity("copy", "silver.few", 1)


def newest_commit(lake: Settings, table: str) -> Path:
    return max((Path(table_uri(lake.lake_uri, table)) / "_delta_log").glob("*.json"))


def run_to_end(query: StreamingQuery) -> None:
    assert query.awaitTermination(120)
    assert query.exception() is None


def test_a_query_stops_where_its_last_commit_is_gone(spark: SparkSession, lake: Settings) -> None:
    source, target = (table_uri(lake.lake_uri, name) for name in ("bronze.few", "silver.few"))
    spark.range(3).write.format("delta").save(source)
    spark.range(0).write.format("delta").save(target)

    def copy(rows: DataFrame, _batch_id: int) -> None:
        rows.write.format("delta").mode("append").save(target)

    write = queries.noting(QUERY, lake, copy, "silver.few")
    rows = readers.table_stream(spark, source, 1)
    query = queries.start(QUERY, rows, write, lake, None)
    assert query.awaitTermination(120)
    assert query.exception() is None
    queries.noting(QUERY, lake, copy, "silver.few")
    newest_commit(lake, "silver.few").unlink()
    with pytest.raises(
        StreamError, match=r"silver/few: expected version \d .*, but got (version|a log).*; res"
    ):
        queries.noting(QUERY, lake, copy, "silver.few")


@pytest.mark.parametrize("content", [b"", b"{"])
def test_a_checkpoint_that_no_query_can_start_from_is_named(
    spark: SparkSession, lake: Settings, content: bytes
) -> None:
    source = table_uri(lake.lake_uri, "bronze.few")
    spark.range(3).write.format("delta").save(source)
    query = QueryIdentity("none", "silver.few", 1)

    def start() -> StreamingQuery:
        rows = readers.table_stream(spark, source, 1)
        return queries.start(query, rows, lambda _rows, _number: None, lake, None)

    run_to_end(start())
    checkpoint = Path(query.checkpoint(lake.lake_uri))
    (checkpoint / "metadata").write_bytes(content)
    (checkpoint / ".metadata.crc").unlink()
    with pytest.raises(StreamError, match=rf"did not start with its checkpoint {checkpoint}: \w"):
        start()


def test_a_damaged_file_that_an_engine_meets_in_a_batch_is_named(
    spark: SparkSession, lake: Settings
) -> None:
    clock = FixedClock(datetime(2026, 11, 1, tzinfo=UTC))
    create_tables(lake)
    uri = table_uri(lake.lake_uri, names.BRONZE_EVENTS)
    write_deltalake(uri, bronze(), mode="append")
    run_to_end(transform.start(spark, lake, clock, None))
    for file in Path(table_uri(lake.lake_uri, names.SILVER_DAILY)).rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-100])
    write_deltalake(uri, bronze(), mode="append")
    query = transform.start(spark, lake, clock, None)
    with pytest.raises(StreamingQueryException):
        query.awaitTermination(120)
    said = str(failures.of_query("cdr_transform", str(query.exception())))
    assert re.search(r"silver/cdr_daily: expected Parquet files .*, but got \S+\.parquet, ", said)


def test_usage_is_not_summed_where_silver_has_lost_its_newest_commit(
    spark: SparkSession, lake: Settings
) -> None:
    clock = FixedClock(datetime(2026, 11, 1, tzinfo=UTC))
    create_tables(lake)
    write_deltalake(table_uri(lake.lake_uri, names.BRONZE_EVENTS), bronze(), mode="append")
    run_to_end(transform.start(spark, lake, clock, None))
    newest_commit(lake, names.SILVER_DAILY).unlink()
    with pytest.raises(StreamError, match=r"silver/cdr_daily: expected version \d .*cdr_transform"):
        transform.start(spark, lake, clock, None)


def test_nothing_is_scored_where_the_predictions_have_lost_their_newest_commit(
    spark: SparkSession, copy: Site
) -> None:
    context = scoring_context(copy.settings, copy.registry, copy.clock)
    run_to_end(score.start(spark, context, None))
    newest_commit(copy.settings, names.PREDICTIONS).unlink()
    with pytest.raises(StreamError, match=r"predictions: expected version \d .*cdr_score"):
        score.start(spark, context, None)
