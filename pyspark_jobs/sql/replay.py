"""The same SQL over the lake's history, compared row by row with what the stream has written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.engine import readers
from pyspark_jobs.sql import analysis, catalog
from pyspark_jobs.sql.analysis import Analysed
from pyspark_jobs.sql.catalog import Catalog
from pyspark_jobs.sql.sinks import BATCH_ID
from pyspark_jobs.sql.sql_file import SqlFile

Moments = tuple[datetime, ...]


@dataclass(frozen=True)
class Comparison:
    """Rows of a table in a span of time: by the stream, by the replay, and in only one of them."""

    table: str
    live: int
    replayed: int
    only_live: int
    only_replayed: int

    @property
    def is_equal(self) -> bool:
        """Whether both have the same rows."""
        return not self.only_live and not self.only_replayed

    def __str__(self) -> str:
        """One sentence."""
        verdict = "equal" if self.is_equal else (
            f"{self.only_live} only in the stream's, {self.only_replayed} only in the replay's"
        )  # fmt: skip
        return f"{self.table}: {self.live} rows live, {self.replayed} replayed; {verdict}."


def compare(
    spark: SparkSession,
    settings: Settings,
    known: Catalog,
    files: Sequence[SqlFile],
    span: Moments,
) -> list[Comparison]:
    """Each table that the files write, replayed; of rows whose time column is in `span`.

    The time column is the first timestamp of the key. Tables that are joined, and models that are
    asked without a version, are those of now. Raises the `SqlError` of a file that is wrong, or
    whose key has no timestamp.
    """
    for name, feed in known.streams.items():
        bronze = readers.read_table(spark, table_uri(settings.lake_uri, feed.bronze.name))
        bronze.select(*feed.message.names).createOrReplaceTempView(name)
    catalog.table_views(spark, settings, known)
    found = analysis.pipeline(spark, files, known.names)
    for error in found.failed.values():
        raise error
    return [
        _compared(spark, settings, one, span)
        for one in found.done.values()
        if "table" in one.file.sinks
    ]


def _compared(spark: SparkSession, settings: Settings, one: Analysed, span: Moments) -> Comparison:
    table = one.file.sinks["table"]
    stored = readers.read_table(spark, table_uri(settings.lake_uri, table))
    time = time_column(one.file, dict(stored.dtypes))
    live = _within(stored.drop(BATCH_ID), time, span).persist()
    again = _within(one.frame, time, span).select(*live.columns).persist()
    try:
        counts = live.count(), again.count()
        return Comparison(
            table, *counts, live.exceptAll(again).count(), again.exceptAll(live).count()
        )
    finally:
        live.unpersist()
        again.unpersist()


def time_column(file: SqlFile, types: Mapping[str, str]) -> str:
    """The first timestamp of the key, by the types of the table's columns.

    Raises `SqlError` where there is none.
    """
    for name in file.key:
        if types.get(name) == "timestamp":
            return name
    raise file.error(
        "key", "a replay compares a span of time, and none of these columns is a timestamp."
    )


def _within(rows: DataFrame, time: str, span: Moments) -> DataFrame:
    return rows.where((f.col(time) >= f.lit(span[0])) & (f.col(time) < f.lit(span[1])))
