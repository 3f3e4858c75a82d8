"""The files of a SQL pipeline as streaming queries: one for each file that writes somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse import sql_plans
from lakehouse.domain import Domain
from lakehouse.names import QueryIdentity
from lakehouse.settings import Settings
from pyspark_jobs.engine import queries
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.sql import analysis, catalog, explain, predict
from pyspark_jobs.sql.analysis import Analysed
from pyspark_jobs.sql.catalog import Catalog
from pyspark_jobs.sql.live_models import RegistryPlace
from pyspark_jobs.sql.sinks import Sinks
from pyspark_jobs.sql.sql_file import SqlFile, with_ticks

# Without it a window that the watermark has closed waits for more data.
NO_DATA = "spark.sql.streaming.noDataMicroBatches.enabled"


@dataclass(frozen=True)
class FileQuery:
    """The query of a file with a sink: called, it starts; `sources` is all that it reads."""

    identity: QueryIdentity
    sources: frozenset[str]
    start: Start

    def __call__(self) -> StreamingQuery:
        """The query, started."""
        return self.start()


@dataclass(frozen=True)
class Pipeline:
    """The files of a domain's pipeline, ready to run over the lake of an installation."""

    spark: SparkSession
    settings: Settings
    domain: Domain
    files: Sequence[SqlFile]

    def starts(self, every_seconds: float | None) -> list[FileQuery]:
        """The query of each file with a sink, not started; the plans are left for who asks.

        Raises the `SqlError` of the first file that is wrong.
        """
        known = Catalog.of(self.domain)
        predict.register(self.spark, RegistryPlace.of(self.settings))
        catalog.live_views(self.spark, self.settings, known)
        ticking = frozenset(name for name, feed in known.streams.items() if feed.event_time)
        texts = {file.name: with_ticks(file.query, ticking) for file in self.files}
        found = analysis.pipeline(self.spark, self.files, known.names, texts)
        for error in found.failed.values():
            raise error
        plans = [explain.plan(one) for one in found.done.values()]
        sql_plans.write(self.settings.state, self.domain.name, plans)
        return [
            FileQuery(
                self.identity(one.file),
                found.sources(one.file.name),
                self._start(one, known, every_seconds),
            )
            for one in found.done.values()
            if one.file.sinks
        ]

    def identity(self, file: SqlFile) -> QueryIdentity:
        """Name and checkpoint of a file's query; `-- version:` in the file makes a new one."""
        return QueryIdentity(f"{self.domain.name}_sql", f"sql.{file.name}", file.version)

    def _start(self, one: Analysed, known: Catalog, every_seconds: float | None) -> Start:
        identity = self.identity(one.file)
        contract = known.output(one.file.settings.get("table", ""))
        sinks = Sinks(one.file, identity.name, self.settings, contract)

        def start() -> StreamingQuery:
            sinks.prepare()
            self.spark.conf.set(NO_DATA, "true")
            write = queries.noting(identity, self.settings, sinks.write_batch, *sinks.tables)
            return queries.start(identity, one.frame, write, self.settings, every_seconds)

        return start
