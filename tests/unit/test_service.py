"""The supervisor: what it starts again, what it raises, and how it stops."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from lakehouse.clock import FixedClock
from lakehouse.errors import StreamError
from pyspark_jobs.engine.supervisor import Supervisor

BROKER_AWAY = "org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node"


class Query:
    """A streaming query as the supervisor sees it; each look may end it."""

    name = "cdr_ingest__bronze_cdr_events_v1"

    def __init__(self, error: str | None = None, looks: int = 0) -> None:
        self._error, self._looks = error, looks
        self.recentProgress = [{"numInputRows": 5}, {"numInputRows": 2}]
        self.status = {"isTriggerActive": False}
        self.stopped = False

    @property
    def isActive(self) -> bool:  # noqa: N802
        self._looks -= 1
        return self._looks >= 0 and not self.stopped

    def exception(self) -> str | None:
        return self._error

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 6, 1, tzinfo=UTC))


def starting(*queries: Query) -> Callable[[], Any]:
    left = list(queries)
    return lambda: left.pop(0)


def test_run_to_end_counts_the_rows_of_all_queries(clock: FixedClock) -> None:
    supervisor = Supervisor(clock, threading.Event())
    supervisor.add(starting(Query(looks=3)))
    supervisor.add(starting(Query()))
    assert supervisor.run_to_end() == 14


def test_a_run_to_the_end_tells_what_is_read(
    clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    supervisor = Supervisor(clock, threading.Event())
    supervisor.add(starting(Query(looks=30)))
    empty = Query()
    empty.recentProgress = []
    supervisor.add(starting(empty))
    supervisor.run_to_end()
    assert caplog.messages == [
        f"{Query.name} has ended: nothing new to read",
        f"{Query.name} has read 7 rows so far",
        f"{Query.name} has ended: 7 rows read",
    ]


def test_a_query_whose_broker_is_away_is_started_again_until_it_is_back(clock: FixedClock) -> None:
    away = [Query(BROKER_AWAY) for _ in range(6)]
    supervisor = Supervisor(clock, threading.Event())
    supervisor.add(starting(*away, Query()))
    assert supervisor.run_to_end() == 7 * 7
    assert 1 + 2 + 4 + 8 + 16 + 30 <= clock.monotonic() < 70


def test_a_failure_after_a_long_calm_is_answered_as_fast_as_the_first(clock: FixedClock) -> None:
    supervisor = Supervisor(clock, threading.Event())
    for _ in range(2):
        supervisor.add(starting(*[Query(BROKER_AWAY) for _ in range(3)], Query()))
        began = clock.monotonic()
        supervisor.run_to_end()
        assert clock.monotonic() - began < 1 + 2 + 4 + 2
        clock.advance(600)


def test_any_other_failure_is_raised_with_its_reason(clock: FixedClock) -> None:
    supervisor = Supervisor(clock, threading.Event())
    supervisor.add(starting(Query("disk full")))
    with pytest.raises(StreamError, match="disk full"):
        supervisor.run_to_end()


JVM_TRACE = """[STREAM_FAILED] Query [id = 1] terminated with exception: An exception was raised
Traceback (most recent call last):
  File "ingest.py", line 1, in write_batch
lakehouse.errors.StreamError: topic t: expected at most 50% bad, but got 600 of 1000; mend it.
=== Streaming Query ===
org.apache.spark.sql.streaming.StreamingQueryException: x
\tat org.apache.spark.sql.execution.streaming.StreamExecution.run(StreamExecution.scala:1)
"""


def test_an_error_of_ours_comes_through_the_jvm_as_it_was_raised(clock: FixedClock) -> None:
    supervisor = Supervisor(clock, threading.Event())
    supervisor.add(starting(Query(JVM_TRACE)))
    with pytest.raises(StreamError) as caught:
        supervisor.run_to_end()
    said = "topic t: expected at most 50% bad, but got 600 of 1000; mend it."
    assert (str(caught.value), caught.value.got) == (said, "600 of 1000")


def test_a_failure_of_spark_is_named_in_one_line(clock: FixedClock) -> None:
    supervisor = Supervisor(clock, threading.Event())
    supervisor.add(starting(Query("Query terminated\n\tat a.B\nCaused by: x.Y: disk full\n\tat c")))
    with pytest.raises(StreamError, match=r"v1 failed: x.Y: disk full; the log above says more\.$"):
        supervisor.run_to_end()


def test_closing_stops_what_runs(clock: FixedClock) -> None:
    query = Query(looks=100)
    supervisor = Supervisor(clock, threading.Event())
    supervisor.add(starting(query))
    supervisor.close()
    assert query.stopped


def test_a_query_that_waits_does_not_hold_up_the_others(clock: FixedClock) -> None:
    supervisor = Supervisor(clock, threading.Event())
    other = Query(looks=10_000)
    supervisor.add(starting(other))
    supervisor.add(starting(*[Query(BROKER_AWAY) for _ in range(3)], Query(looks=10_000)))
    for _ in range(100):
        supervisor.check()
        clock.advance(0.5)
    assert not other.stopped
    with pytest.raises(IndexError):  # a failure of its own is raised, and the first still runs
        supervisor.add(starting())
    assert other.isActive


def test_a_service_that_is_away_at_the_start_is_waited_for(clock: FixedClock) -> None:
    attempts: list[int] = []

    def start() -> Any:
        attempts.append(1)
        if len(attempts) < 4:
            raise ServiceAwayError("HTTPConnectionPool: Max retries exceeded with url: /api")
        return Query()

    supervisor = Supervisor(clock, threading.Event())
    assert supervisor.add(start) is None
    assert supervisor.run_to_end() == 7
    assert len(attempts) == 4
    assert clock.monotonic() >= 1 + 2 + 4


class ServiceAwayError(Exception):
    """As a library raises it."""


def test_a_gap_in_a_topic_says_what_to_do(clock: FixedClock) -> None:
    gap = (
        "Query terminated\nCaused by: org.apache.kafka.clients.consumer."
        "OffsetOutOfRangeException: Fetch position 10 is out of range for partition t-0"
    )
    supervisor = Supervisor(clock, threading.Event())
    supervisor.add(starting(Query(gap)))
    with pytest.raises(StreamError, match=r"no longer holds messages.*--domain cdr --accept-loss"):
        supervisor.run_to_end()
