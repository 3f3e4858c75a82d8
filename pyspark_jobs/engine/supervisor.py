"""Supervised queries: run to the end of the available data, or serve until told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from py4j.protocol import Py4JError
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import Clock
from lakehouse.retry import Backoff
from pyspark_jobs.engine import failures

LOG = logging.getLogger(__name__)
POLL_S, TELL_S = 0.2, 5.0
LAST_BATCH_S = 15.0
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 1.0, 30.0
# After so long without a failure the next one is a new story.
CALM_S = 300.0
Start = Callable[[], StreamingQuery]


@dataclass(eq=False)
class _Watched:
    """A query that should be running; `query` is None while it waits until `due` to be started."""

    start: Start
    backoff: Backoff
    name: str = "a query"
    query: StreamingQuery | None = None
    due: float = 0.0
    failed_at: float = 0.0


class Supervisor:
    """Starts queries, keeps them running, and stops them after their batch.

    A query that fails because a service cannot be reached is restarted for as long as it takes,
    while the others continue; any other failure is raised in one line.
    """

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock, self._stop = clock, stop
        self._watched: list[_Watched] = []
        self._read = 0

    def add(self, start: Start) -> StreamingQuery | None:
        """Start a query and keep it running; None if it has to wait for a service."""
        backoff = Backoff(self._clock, self._stop, FIRST_BACKOFF_S, LONGEST_BACKOFF_S)
        watched = _Watched(start, backoff)
        self._watched.append(watched)
        self._begin(watched)
        return watched.query

    def run_to_end(self) -> int:
        """Watch until all queries have ended on their own; returns the number of rows they read."""
        before, told = self._read, self._clock.monotonic()
        while self._watched and not self._stop.is_set():
            self.check()
            if self._clock.monotonic() - told >= TELL_S:
                self._tell()
                told = self._clock.monotonic()
            self._clock.wait(self._stop, POLL_S)
        return self._read - before

    def serve(self, every: Callable[[], None] = lambda: None) -> None:
        """Watch until told to stop, calling `every` in each round."""
        while not self._clock.wait(self._stop, POLL_S):
            self.check()
            every()

    def check(self) -> None:
        """Check each query once, and restart those that failed because of an outage."""
        now = self._clock.monotonic()
        for watched in list(self._watched):
            if watched.query is None:
                if watched.due <= now:
                    self._begin(watched)
            elif not watched.query.isActive:
                self._settle(watched, watched.query)

    def close(self) -> None:
        """Let running batches finish, then stop all queries."""
        deadline = self._clock.monotonic() + LAST_BATCH_S
        for query in [one.query for one in self._watched if one.query is not None]:
            while _in_batch(query) and self._clock.monotonic() < deadline:
                self._clock.wait(threading.Event(), POLL_S)
            query.stop()
        self._watched.clear()

    def _tell(self) -> None:
        """Log what each query has read so far."""
        for watched in self._watched:
            if watched.query is not None:
                LOG.info(
                    "%s has read %s rows so far", watched.name, f"{_rows_read(watched.query):,}"
                )

    def _begin(self, watched: _Watched) -> None:
        try:
            watched.query = watched.start()
        except Exception as error:
            text = failures.text_of(error)
            if not failures.is_transient(text):
                raise
            self._postpone(watched, text)
        else:
            watched.name = str(watched.query.name)

    def _settle(self, watched: _Watched, query: StreamingQuery) -> None:
        """Record what a query that has ended has read, and why it ended."""
        read, error = _rows_read(query), query.exception()
        self._read += read
        if error is None:
            found = f"{read:,} rows read" if read else "nothing new to read"
            LOG.info("%s has ended: %s", watched.name, found)
            self._watched.remove(watched)
            return
        watched.query = None
        if not failures.is_transient(str(error)):
            self._watched.remove(watched)
            raise failures.of_query(watched.name, str(error))
        self._postpone(watched, str(error))

    def _postpone(self, watched: _Watched, error: str) -> None:
        now = self._clock.monotonic()
        if now - watched.failed_at > CALM_S:
            watched.backoff.reset()
        watched.failed_at, watched.due = now, now + watched.backoff.next_s
        watched.backoff.failures += 1
        LOG.warning("%s waits for a service: %s", watched.name, failures.summary(error))


def _in_batch(query: StreamingQuery) -> bool:
    try:
        return query.isActive and bool(query.status["isTriggerActive"])
    except Py4JError:
        return False


def _rows_read(query: StreamingQuery) -> int:
    return sum(batch["numInputRows"] for batch in query.recentProgress)
