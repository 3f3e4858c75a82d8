"""Maintenance: the same rows in fewer files, and streams that notice nothing."""

from __future__ import annotations

import polars as pl
import pytest
from delta.exceptions import ConcurrentDeleteReadException
from delta.tables import DeltaOptimizeBuilder
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from lakehouse import domains
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import PREDICTIONS, PROCESSED_DATA
from lakehouse.domains.settings import Settings
from lakehouse.errors import ContractError
from lakehouse.names import table_uri
from pyspark_jobs.delta import maintain, tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.engine import readers

TABLES = domains.tables()


@pytest.fixture
def uri(lake: Settings) -> str:
    """A table of six commits of one row each."""
    tables.create_missing(lake, PROCESSED_DATA)
    table = DeltaTableWriter(lake.lake_uri, PROCESSED_DATA, {})
    schema = table.read().collect_schema()
    for number in range(6):
        values = {name: [0] for name in schema} | {"User": [f"4500000{number}"]}
        row = pl.DataFrame(values).with_columns(Date=pl.date(2026, 3, 1)).cast(dict(schema))  # type: ignore[arg-type]
        table.upsert(row, row.clear())
    return table_uri(lake.lake_uri, names.PROCESSED)


def test_many_small_files_become_one_and_hold_the_same_rows(
    spark: SparkSession, lake: Settings, uri: str
) -> None:
    before = pl.read_delta(uri).sort("User")
    assert maintain.maintain(spark, lake, TABLES) == [uri]
    assert len(DeltaTable(uri).file_uris()) == 1
    assert pl.read_delta(uri).sort("User").equals(before)


def test_a_table_that_is_written_to_meanwhile_keeps_nobody_from_the_next(
    spark: SparkSession, lake: Settings, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.create_missing(lake, PREDICTIONS)
    compact = DeltaOptimizeBuilder.executeCompaction

    def overtaken(builder: DeltaOptimizeBuilder) -> DataFrame:
        """Somebody rewrites the file that is being joined, before the commit."""
        monkeypatch.setattr(DeltaOptimizeBuilder, "executeCompaction", compact)
        raise ConcurrentDeleteReadException("This transaction attempted to read deleted files")

    monkeypatch.setattr(DeltaOptimizeBuilder, "executeCompaction", overtaken)
    assert maintain.maintain(spark, lake, TABLES) == [
        table_uri(lake.lake_uri, PREDICTIONS.name),
        uri,
    ]
    assert len(DeltaTable(uri).file_uris()) == 1


def test_files_of_recent_versions_stay_for_their_readers(
    spark: SparkSession, lake: Settings, uri: str
) -> None:
    maintain.maintain(spark, lake, TABLES)
    assert pl.read_delta(uri, version=3).height == 3
    with pytest.raises(ContractError, match="at least 168"):
        maintain.maintain(spark, lake, TABLES, retention_hours=1)


def test_a_stream_reads_no_row_again_after_maintenance(
    spark: SparkSession, lake: Settings, uri: str
) -> None:
    maintain.maintain(spark, lake, TABLES)
    seen: list[int] = []
    stream = readers.table_stream(spark, uri, 1).writeStream.trigger(availableNow=True)
    checkpoint = f"{lake.lake_uri}/_checkpoints/test"
    writer = stream.option("checkpointLocation", checkpoint)
    for _ in range(2):
        writer.foreachBatch(lambda rows, _: seen.append(rows.count())).start().awaitTermination()
        maintain.maintain(spark, lake, TABLES)
    assert sum(seen) == 6
