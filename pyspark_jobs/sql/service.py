"""The SQL pipeline of a domain as part of a job: its queries, and the ticks of idle streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from lakehouse.domain import Domain
from lakehouse.settings import Settings
from lakehouse.settings.root import ROOT
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.sql import sql_file, ticks
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
        job = self.job
        files = sql_file.read_folder(FOLDER / self.domain.name)
        pipeline = Pipeline(job.spark, job.settings, self.domain, files)
        for start in pipeline.starts(every_seconds):
            job.supervisor.add(start)
        streams = tuple(feed.topic for feed in self.domain.feeds if feed.event_time)
        ticker = IdleTicker(job.settings, streams, job.clock, lambda _: self._latest())

        def look() -> None:
            ticker.look()
            each_round()

        job.run(every_seconds, service, look)

    def _latest(self) -> datetime | None:
        """The latest event time that any query of the SQL files has seen."""
        prefix = f"{self.domain.name}_sql__"
        found = [
            ticks.latest_of(query.recentProgress)
            for query in self.job.spark.streams.active
            if str(query.name).startswith(prefix)
        ]
        return max(filter(None, found), default=None)
