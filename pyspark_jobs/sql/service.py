"""The SQL pipeline of a domain as part of a job: its queries, and the ticks of idle streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.domain import Domain
from lakehouse.names import QueryIdentity
from lakehouse.settings import Settings
from lakehouse.settings.root import ROOT
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.sql import level, sql_file, ticks
from pyspark_jobs.sql.catalog import Catalog
from pyspark_jobs.sql.run import Pipeline
from pyspark_jobs.sql.ticks import IdleTicker

FOLDER = ROOT / "conf" / "pipelines"
S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class SqlService(Generic[S]):
    """The files in `conf/pipelines/<domain>`, run in the session of a job."""

    job: Job[S]
    domain: Domain

    def run(
        self,
        every_seconds: float | None,
        service: str | None = None,
        each_round: Callable[[], None] = lambda: None,
    ) -> None:
        """Start the queries and supervise all of the job's, until told to stop or all have ended.

        `each_round` is called as `Job.run` does. Raises the `SqlError` of a file that is wrong.
        """
        job, streams = self.job, Catalog.of(self.domain).streams
        files = sql_file.read_folder(FOLDER / self.domain.name)
        queries = Pipeline(job.spark, job.settings, self.domain, files).starts(every_seconds)
        for query in queries:
            job.supervisor.add(query)
        readers = {
            name: [query.identity for query in queries if name in query.sources]
            for name, feed in streams.items()
            if feed.event_time
        }
        ticker = IdleTicker(
            job.settings,
            tuple(readers),
            job.clock,
            latest=lambda name: self._latest(readers[name]),
            is_level=lambda name: level.is_level(job.settings, streams[name], readers[name]),
            is_open=lambda name: self._is_open(readers[name]),
        )

        def look() -> None:
            ticker.look()
            each_round()

        job.run(every_seconds, service, look)

    def _latest(self, readers: list[QueryIdentity]) -> datetime | None:
        """The latest event time that any of these queries has seen."""
        found = [ticks.latest_of(query.recentProgress) for query in self._active(readers)]
        return max(filter(None, found), default=None)

    def _is_open(self, readers: list[QueryIdentity]) -> bool:
        """Whether any of these queries has a window that is not final."""
        return any(ticks.has_open(query.lastProgress) for query in self._active(readers))

    def _active(self, readers: list[QueryIdentity]) -> list[StreamingQuery]:
        names = {one.name for one in readers}
        return [query for query in self.job.spark.streams.active if query.name in names]
