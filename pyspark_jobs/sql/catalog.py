"""What SQL files may read: the streams and tables of a domain, by the names SQL gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql import types as t

from lakehouse.contracts import Contract
from lakehouse.domain import Domain, Feed
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from lakehouse.ticks import TICKS
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import readers
from pyspark_jobs.sql.sql_file import TICK, TICKING


@dataclass(frozen=True)
class Catalog:
    """Streams with their feeds, and tables with their contracts, by their names in SQL."""

    streams: Mapping[str, Feed]
    tables: Mapping[str, Contract]

    @classmethod
    def of(cls, domain: Domain) -> Catalog:
        """Every topic that the domain reads, and every table that it opens to SQL."""
        streams = {sql_name(feed.topic): feed for feed in domain.feeds}
        return cls(streams, {sql_name(one.name.split(".")[-1]): one for one in domain.queried})

    @property
    def names(self) -> frozenset[str]:
        """Names of streams and tables."""
        return frozenset({*self.streams, *self.tables})

    def output(self, table: str) -> Contract | None:
        """The contract of the Delta table of that name, if the domain declares it."""
        return next((one for one in self.tables.values() if one.name == table), None)


def sql_name(name: str) -> str:
    """A topic's name as SQL can write it without quotes.

    >>> sql_name("cards-events.v1")
    'cards_events_v1'
    """
    return re.sub(r"\W", "_", name)


def row_schema(feed: Feed) -> t.StructType:
    """The columns of a stream: those of its messages."""
    return tables.schema(feed.message)


@contextmanager
def stub_views(spark: SparkSession, catalog: Catalog) -> Iterator[None]:
    """Views with the right columns and no rows: enough to analyse a query, and nothing starts."""
    with TemporaryDirectory(prefix="cdrlake-sql-") as nothing:
        for name, feed in catalog.streams.items():
            stub = spark.readStream.schema(row_schema(feed)).json(nothing)
            stub.createOrReplaceTempView(name)
        for name, contract in catalog.tables.items():
            spark.createDataFrame([], tables.schema(contract)).createOrReplaceTempView(name)
        try:
            yield
        finally:
            for name in catalog.names:
                spark.catalog.dropTempView(name)


def live_views(spark: SparkSession, settings: Settings, catalog: Catalog) -> None:
    """The streams and tables of the lake; each stream also under the name that has its ticks."""
    needed = [*catalog.tables.values(), TICKS, *(feed.bronze for feed in catalog.streams.values())]
    tables.create_missing(settings, *needed)
    limit = settings.spark.max_files_per_trigger
    for name, feed in catalog.streams.items():
        bronze = table_uri(settings.lake_uri, feed.bronze.name)
        events = readers.table_stream(spark, bronze, limit).select(*feed.message.names)
        ticks = readers.table_stream(spark, table_uri(settings.lake_uri, TICKS.name), limit)
        views(name, feed, events, ticks.where(f.col("stream") == name))
    table_views(spark, settings, catalog)


def table_views(spark: SparkSession, settings: Settings, catalog: Catalog) -> None:
    """The tables of the lake, each micro-batch in their latest version."""
    for name, contract in catalog.tables.items():
        uri = table_uri(settings.lake_uri, contract.name)
        readers.read_table(spark, uri).createOrReplaceTempView(name)


def views(name: str, feed: Feed, events: DataFrame, ticks: DataFrame) -> None:
    """A stream under its name, and with the ticks (column `ts`) among its events."""
    events.createOrReplaceTempView(name)
    if feed.event_time is None:
        return
    empty = [
        (f.col("ts") if one.name == feed.event_time else f.lit(None))
        .cast(one.dataType)
        .alias(one.name)
        for one in row_schema(feed)
    ]
    told = ticks.select(*empty, f.lit(True).alias(TICK))
    both = events.withColumn(TICK, f.lit(False)).unionByName(told)
    both.createOrReplaceTempView(f"{name}{TICKING}")
