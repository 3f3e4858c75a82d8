"""The SQL pipeline of a domain as part of a job: its queries, and the ticks of idle streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from confluent_kafka import KafkaException

from lakehouse import kafka
from lakehouse.domain import Domain
from lakehouse.settings import Settings
from lakehouse.settings.root import ROOT
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.ingest import data_loss
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
        parts = job.settings, streams, job.clock
        ticker = IdleTicker(*parts, lambda _: self._latest(), self._is_level)

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

    def _is_level(self, stream: str) -> bool:
        """Whether the lake has every message of a stream; false while the broker does not say.

        A click that waits in Kafka must not be late because the clock went on without it.
        """
        settings = self.job.settings
        feed = next(one for one in self.domain.feeds if one.topic == stream)
        checkpoint = Path(feed.identity.checkpoint(settings.lake_uri))
        read = data_loss.committed_offsets(checkpoint, settings.kafka.topic(stream))
        try:
            ends = kafka.end_offsets(settings.kafka, stream)
        except KafkaException:
            return False
        return not read or all(read.get(number, 0) >= end for number, end in ends.items())
