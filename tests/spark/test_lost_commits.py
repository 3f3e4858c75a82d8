"""A query whose table has lost the newest commit does not go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.names import QueryIdentity, table_uri
from pyspark_jobs.engine import queries, readers

QUERY = QueryIdentity("copy", "silver.few", 1)


def newest_commit(lake: Settings, table: str) -> Path:
    return max((Path(table_uri(lake.lake_uri, table)) / "_delta_log").glob("*.json"))


def test_a_query_stops_where_its_last_commit_is_gone(spark: SparkSession, lake: Settings) -> None:
    source, target = (table_uri(lake.lake_uri, name) for name in ("bronze.few", "silver.few"))
    spark.range(3).write.format("delta").save(source)
    spark.range(0).write.format("delta").save(target)

    def copy(rows: DataFrame, _batch_id: int) -> None:
        rows.write.format("delta").mode("append").save(target)

    write = queries.noting(QUERY, lake, copy, "silver.few")
    rows = readers.table_stream(spark, source, 1)
    query = queries.start(QUERY, rows, write, lake.lake_uri, None)
    assert query.awaitTermination(120)
    assert query.exception() is None
    queries.noting(QUERY, lake, copy, "silver.few")
    newest_commit(lake, "silver.few").unlink()
    with pytest.raises(
        StreamError, match=r"silver/few: needed version \d .*, got (version|a log).*; res"
    ):
        queries.noting(QUERY, lake, copy, "silver.few")
