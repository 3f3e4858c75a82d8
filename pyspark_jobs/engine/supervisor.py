"""Queries under supervision: run to the end of what there is, or serve until told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from py4j.protocol import Py4JError
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import Clock
from pyspark_jobs.engine import failures

LOG = logging.getLogger(__name__)
POLL_S = 0.2
LAST_BATCH_S = 15.0
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 1.0, 30.0
# After so long without a failure the next one is a new story.
CALM_S = 300.0
Start = Callable[[], StreamingQuery]


class Supervisor:
    """Starts queries, keeps them running, and stops them after their batch.

    A query that fails because a server cannot be reached is started again, for as long as it
    takes; any other failure is raised in one line.
    """

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock, self._stop = clock, stop
        self._running: list[tuple[StreamingQuery, Start]] = []
        self._due: list[tuple[float, Start]] = []
        self._backoff, self._failed_at = FIRST_BACKOFF_S, 0.0
        self._read = 0

    def add(self, start: Start) -> StreamingQuery:
        """Start a query and keep it running."""
        query = start()
        self._running.append((query, start))
        return query

    def run_to_end(self) -> int:
        """Watch until all queries have ended by themselves; the number of rows that they read."""
        before = self._read
        while (self._running or self._due) and not self._stop.is_set():
            self.check()
            self._clock.wait(self._stop, POLL_S)
        return self._read - before

    def serve(self, every: Callable[[], None] = lambda: None) -> None:
        """Watch until told to stop, calling `every` in each round."""
        while not self._clock.wait(self._stop, POLL_S):
            self.check()
            every()

    def check(self) -> None:
        """Look at each query once; start again what the broker has let down."""
        # Asked once: a query may end between two questions, and would be forgotten.
        ended = [entry for entry in self._running if not entry[0].isActive]
        self._running = [entry for entry in self._running if entry not in ended]
        for query, start in ended:
            self._read += _rows_read(query)
            error = query.exception()
            if error is not None:
                self._postpone(query, start, str(error))
        now = self._clock.monotonic()
        due, self._due = self._due, [entry for entry in self._due if entry[0] > now]
        for moment, start in due:
            if moment <= now:
                self.add(start)

    def close(self) -> None:
        """Let running batches end, then stop all queries."""
        deadline = self._clock.monotonic() + LAST_BATCH_S
        for query, _ in self._running:
            while _in_batch(query) and self._clock.monotonic() < deadline:
                self._clock.wait(threading.Event(), POLL_S)
            query.stop()
        self._running.clear()

    def _postpone(self, query: StreamingQuery, start: Start, error: str) -> None:
        if not failures.is_transient(error):
            raise failures.of_query(str(query.name), error)
        LOG.warning("%s: not reached, trying again: %s", query.name, failures.summary(error))
        now = self._clock.monotonic()
        if now - self._failed_at > CALM_S:
            self._backoff = FIRST_BACKOFF_S
        self._failed_at = now
        self._due.append((now + self._backoff, start))
        self._backoff = min(2 * self._backoff, LONGEST_BACKOFF_S)


def _in_batch(query: StreamingQuery) -> bool:
    try:
        return query.isActive and bool(query.status["isTriggerActive"])
    except Py4JError:
        return False


def _rows_read(query: StreamingQuery) -> int:
    return sum(batch["numInputRows"] for batch in query.recentProgress)
