"""What every job's main has in common: settings, session, listener, signals, exit code."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from pyspark.sql import SparkSession

from lakehouse import logs, names, progress
from lakehouse.clock import Clock, SystemClock
from lakehouse.errors import EXIT_FAILED, EXIT_PERMANENT, CdrlakeError
from lakehouse.settings import Settings
from lakehouse.stopping import stop_on_signals
from pyspark_jobs.engine import failures
from pyspark_jobs.engine.progress_listener import ProgressListener
from pyspark_jobs.engine.session import open_session
from pyspark_jobs.engine.supervisor import Supervisor

LOG = logging.getLogger(__name__)


S = TypeVar("S", bound=Settings)


@dataclass
class Job(Generic[S]):
    """What a job is given to work with; `exit_code` is set when its block ends."""

    spark: SparkSession
    settings: S
    clock: Clock
    stop: threading.Event
    supervisor: Supervisor
    exit_code: int = 0

    def run(
        self,
        every_seconds: float | None,
        service: str | None = None,
        each_round: Callable[[], None] = lambda: None,
    ) -> None:
        """Supervise the queries that were added, until told to stop or until all have ended.

        While they serve, `each_round` is called several times a second; it must not take long.
        `service` is the name of the domain's `Service` that this job is: `cdrlake up` waits until
        the file of that name says that the queries are in service.
        """
        if every_seconds is None:
            self.supervisor.run_to_end()
            return
        try:
            self._report(service, "service")
            self.supervisor.serve(each_round)
            self._report(service, "stopped")
        except Exception as error:
            self._report(service, "failed", str(error))
            raise

    def _report(self, service: str | None, phase: progress.Phase, detail: str = "") -> None:
        if service is not None:
            standing = progress.PipelineProgress(phase, detail, self.clock.now())
            progress.write_pipeline(self.settings.state, standing, service)


@contextmanager
def job(app: str, load: Callable[[], S]) -> Iterator[Job[S]]:
    """Load the settings and open a session for `app`.

    SIGTERM and SIGINT set `stop`. A known error gives the exit code `EXIT_PERMANENT`, which tells
    whoever started the job that another start would fail the same way.
    """
    logs.configure()
    clock = SystemClock()
    try:
        loaded = load()
        spark = open_session(app, loaded)
    except CdrlakeError as error:
        LOG.error("%s", error)
        sys.exit(EXIT_PERMANENT)
    stop = threading.Event()
    stop_on_signals(stop)
    running = Job(spark, loaded, clock, stop, Supervisor(clock, stop))
    table = names.table_uri(loaded.lake_uri, names.PROGRESS)
    listener = ProgressListener(
        loaded.state, table, clock, options=loaded.lake_options, days=loaded.spark.progress_days
    )
    spark.streams.addListener(listener)
    try:
        yield running
    except CdrlakeError as error:
        LOG.error("%s", error)
        is_transient = failures.is_transient(failures.text_of(error))
        running.exit_code = EXIT_FAILED if is_transient else EXIT_PERMANENT
    finally:
        running.supervisor.close()
        spark.stop()
