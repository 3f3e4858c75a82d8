"""What runs beside streaming queries neither blocks them nor outlives them; panics reach Spark."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession

from cdrlake.waiting import Waiter
from lakehouse.clock import FixedClock, SystemClock
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.names import QueryIdentity
from pyspark_jobs.cdr import train as training
from pyspark_jobs.cdr.first_model import FirstModel
from pyspark_jobs.engine import failures, queries, readers
from pyspark_jobs.engine.aside import Aside

pytestmark = pytest.mark.spark


class Champions:
    """A registry as the search for a first model sees it."""

    def __init__(self) -> None:
        self.has_one = False

    def champion(self) -> object | None:
        return "champion" if self.has_one else None

    def versions(self) -> list[object]:
        return []


class Search:
    """A search for a first model, and what it reports."""

    def __init__(self, spark: SparkSession, lake: Settings) -> None:
        self.clock = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
        self.registry, self.stop = Champions(), threading.Event()
        self.said: list[tuple[str, str]] = []
        registry: Any = self.registry
        self.model = FirstModel(
            spark, lake, registry, self.clock, self.stop, lambda *words: self.said.append(words)
        )

    def until(self, holds: Callable[[], bool]) -> None:
        """Look as the supervisor does, until a condition holds."""

        def look() -> bool | None:
            self.model.has_arrived()
            return holds() or None

        Waiter(SystemClock(), 30).until(look, "the search", 0.02)


@pytest.fixture
def search(spark: SparkSession, lake: Settings) -> Iterator[Search]:
    made = Search(spark, lake)
    yield made
    made.model.close()


def test_a_training_blocks_nobody_and_its_jobs_end_when_it_is_closed(
    spark: SparkSession, search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ends: list[BaseException] = []
    released = tmp_path / "released"

    def task(_: Any) -> None:
        while not released.exists():
            threading.Event().wait(0.1)

    def endless(*_: Any) -> None:
        try:
            spark.sparkContext.parallelize([1], 1).foreach(task)
        except BaseException as error:
            ends.append(error)
            raise

    monkeypatch.setattr(training, "train", endless)
    tracker = spark.sparkContext.statusTracker()
    search.until(lambda: bool(tracker.getActiveJobsIds()))
    assert not search.model.has_arrived()
    assert spark.range(3).count() == 3
    search.model.close()
    released.touch()  # a task is asked to end, not made to
    assert "cancelled" in str(ends[0])


def test_a_registry_that_is_away_is_asked_again(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []

    def train(*_: Any) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("Generic S3 error\n ↳ HTTP error\n ↳ error sending request")
        search.registry.has_one = True
        raise ModelError.sentence("Whatever it says, there is a champion.")

    monkeypatch.setattr(training, "train", train)
    search.until(lambda: bool(search.said) and search.said[-1][0] == "service")
    assert "no model yet" in search.said[-1][1]
    assert not search.model.has_arrived()
    search.clock.advance(60)
    Waiter(SystemClock(), 30).until(lambda: search.model.has_arrived() or None, "it", 0.02)
    assert len(attempts) == 2
    assert not search.model.has_arrived()


def test_any_other_failure_of_a_training_is_raised(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: Any) -> None:
        raise ValueError("no such column")

    monkeypatch.setattr(training, "train", train)
    with pytest.raises(ValueError, match="no such column"):
        search.until(lambda: False)


def test_work_aside_gives_its_result(spark: SparkSession) -> None:
    work = Aside(spark, "a count", lambda: spark.range(5).count())
    Waiter(SystemClock(), 30).until(lambda: work.is_done or None, "the count", 0.02)
    assert work.result() == 5


class Panic(BaseException):
    """Like the panic of a library in Rust, which is no `Exception`."""


def test_a_panic_in_a_batch_ends_the_query_with_a_sentence(
    spark: SparkSession, lake: Settings, tmp_path: Path
) -> None:
    source = str(tmp_path / "source")
    pl.DataFrame({"number": [1]}).write_delta(source)

    def write(_rows: DataFrame, _batch_id: int) -> None:
        raise Panic("range end index 8 out of range for slice of length 4")

    query = queries.start(
        QueryIdentity("job", "table", 1),
        readers.table_stream(spark, source, 1),
        write,
        lake,
        None,
    )
    with pytest.raises(StreamingQueryException):
        query.awaitTermination(60)
    error = str(query.exception())
    assert "Received empty command" not in error
    said = str(failures.of_query("job__table_v1", error))
    assert said.startswith("job__table_v1: batch 0 met a failure inside a library")
    assert said.endswith("out of range for slice of length 4")


def test_a_long_failure_of_a_query_that_is_stopped_is_told_as_it_is(
    spark: SparkSession, lake: Settings, tmp_path: Path
) -> None:
    pl.DataFrame({"a": [1]}).write_delta(str(tmp_path / "table"))
    long, begun, stopping = "x" * 200_000, threading.Event(), threading.Event()

    def fail(_rows: DataFrame, _batch_id: int) -> None:
        begun.set()
        stopping.wait(60)
        spark._jvm.java.net.URI(f"{long} ")  # type: ignore[union-attr]

    rows = readers.table_stream(spark, str(tmp_path / "table"), 1)
    query = queries.start(QueryIdentity("job", "table", 1), rows, fail, lake, None)
    begun.wait(60)
    stop = threading.Thread(target=query.stop)
    stop.start()
    Waiter(SystemClock(), 60).until(lambda: not query.isActive or None, "the stop", 0.01)
    stopping.set()
    stop.join()
    told = str(query.exception())
    assert "java.net.URISyntaxException" in told and "StackOverflow" not in told


def test_a_batch_that_is_interrupted_by_a_stop_is_no_failure(
    spark: SparkSession, lake: Settings, tmp_path: Path
) -> None:
    pl.DataFrame({"a": [1]}).write_delta(str(tmp_path / "table"))
    begun = threading.Event()

    def sleep(_rows: DataFrame, _batch_id: int) -> None:
        begun.set()
        spark._jvm.java.lang.Thread.sleep(600_000)  # type: ignore[union-attr]

    rows = readers.table_stream(spark, str(tmp_path / "table"), 1)
    query = queries.start(QueryIdentity("job", "table", 1), rows, sleep, lake, None)
    begun.wait(60)
    query.stop()
    assert query.exception() is None
