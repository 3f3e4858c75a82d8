"""What each query last did: written whole, read without a JVM, gathered in a table."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from lakehouse import progress, store
from lakehouse.clock import FixedClock
from lakehouse.progress import PipelineProgress, QueryProgress
from pyspark_jobs.engine.progress_listener import ProgressListener, note_quarantine

NAME = "cdr_ingest__bronze_cdr_events_v1"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def listener(tmp_path: Path, clock: FixedClock) -> ProgressListener:
    made = ProgressListener(tmp_path, str(tmp_path / "table"), clock, flush_rows=2)
    made.onQueryStarted(event(name=NAME, id="1", runId="r"))
    return made


def event(**fields: Any) -> Any:
    return SimpleNamespace(**fields)


def batch(number: int, behind: int, rows: int = 10) -> Any:
    """Spark's event at the end of a batch that leaves `behind` messages unread."""
    source = event(metrics={"maxOffsetsBehindLatest": str(behind)}, description="KafkaV2[x]")
    done = event(
        name=NAME,
        id="1",
        batchId=number,
        numInputRows=rows,
        processedRowsPerSecond=20.0,
        batchDuration=500,
        durationMs={"addBatch": 400, "walCommit": 20},
        sources=[source],
    )
    return event(progress=done)


def read(folder: Path) -> QueryProgress:
    return progress.read_queries(folder)[0]


def test_a_batch_is_on_file_as_soon_as_it_has_ended(
    listener: ProgressListener, tmp_path: Path
) -> None:
    listener.onQueryProgress(batch(7, behind=3))
    found = read(tmp_path)
    assert (found.query, found.state, found.batch_id, found.rows) == (NAME, "running", 7, 10)
    assert (found.lag_offsets, found.batch_seconds) == (3, 0.5)
    assert found.phases_ms == {"addBatch": 400, "walCommit": 20}


def test_the_lag_in_seconds_counts_from_when_the_query_was_last_level(
    listener: ProgressListener, tmp_path: Path, clock: FixedClock
) -> None:
    listener.onQueryProgress(batch(0, behind=0))
    for number in (1, 2):
        clock.advance(4)
        listener.onQueryProgress(batch(number, behind=50))
    assert read(tmp_path).lag_seconds == 8
    clock.advance(4)
    listener.onQueryProgress(batch(3, behind=0))
    assert read(tmp_path).lag_seconds == 0


@pytest.mark.parametrize(
    ("version", "index", "behind"), [(3, -1, 0), (2, 0, 0), (2, 5, 0), (2, -1, 1), (0, -1, 3)]
)
def test_a_query_on_a_table_is_behind_by_the_versions_that_it_has_not_read(
    listener: ProgressListener, tmp_path: Path, version: int, index: int, behind: int
) -> None:
    table = tmp_path / "source"
    for number in range(3):
        pl.DataFrame({"number": [number]}).write_delta(table, mode="append")
    done = batch(1, behind=0)
    offset = json.dumps({"reservoirVersion": version, "index": index})
    done.progress.sources = [
        event(metrics={}, description=f"DeltaSource[file:{table}]", endOffset=offset)
    ]
    listener.onQueryProgress(done)
    assert read(tmp_path).lag_versions == behind
    listener.onQueryIdle(event(runId="r"))
    assert read(tmp_path).lag_versions == 0


def test_the_share_of_bad_messages_is_reported_with_the_batch(
    listener: ProgressListener, tmp_path: Path
) -> None:
    note_quarantine(NAME, bad=1, total=4)
    listener.onQueryProgress(batch(0, behind=0))
    assert read(tmp_path).quarantine_ratio == 0.25


def test_an_error_is_on_file_with_its_text(listener: ProgressListener, tmp_path: Path) -> None:
    listener.onQueryProgress(batch(0, behind=0))
    listener.onQueryTerminated(event(runId="r", exception="broker gone"))
    assert (read(tmp_path).state, read(tmp_path).error) == ("failed", "broker gone")


def test_a_query_that_waits_for_a_server_says_since_when_until_it_goes_on(
    listener: ProgressListener, tmp_path: Path, clock: FixedClock
) -> None:
    away = "Query terminated\norg.apache.kafka.common.errors.TimeoutException: no node"
    listener.onQueryProgress(batch(0, behind=0))
    for run in ("r", "s"):
        clock.advance(30)
        listener.onQueryTerminated(event(runId=run, exception=away))
        listener.onQueryStarted(event(name=NAME, id="1", runId="s"))
    found = read(tmp_path)
    assert (found.state, found.waiting_since) == ("waiting", NOW + timedelta(seconds=30))
    listener.onQueryProgress(batch(1, behind=0))
    assert (read(tmp_path).state, read(tmp_path).waiting_since) == ("running", None)
    listener.onQueryTerminated(event(runId="s", exception=None))
    assert read(tmp_path).error is None


def test_the_table_gathers_every_batch_and_is_written_now_and_then(
    listener: ProgressListener, tmp_path: Path
) -> None:
    for number in range(3):
        listener.onQueryProgress(batch(number, behind=0))
    assert store.count(str(tmp_path / "table")) == 2
    listener.onQueryTerminated(event(runId="r", exception=None))
    assert store.count(str(tmp_path / "table")) == 3
    assert read(tmp_path).state == "stopped"


def test_the_pipelines_phase_is_read_as_written(tmp_path: Path) -> None:
    assert progress.read_pipeline(tmp_path) is None
    written = PipelineProgress("train", "fitting", NOW)
    progress.write_pipeline(tmp_path, written)
    assert progress.read_pipeline(tmp_path) == written
    assert progress.read_queries(tmp_path) == []


def test_rows_that_are_too_old_leave_the_table_once_a_day(
    tmp_path: Path, clock: FixedClock
) -> None:
    table = str(tmp_path / "table")
    listener = ProgressListener(tmp_path, table, clock, flush_rows=1, days=3)
    listener.onQueryStarted(event(name=NAME, id="1", runId="r"))
    for number in range(8):  # one batch a day
        listener.onQueryProgress(batch(number, behind=0))
        clock.advance(24 * 3600)
    assert sorted(store.scan(table).collect()["batch_id"]) == [4, 5, 6, 7]


def test_a_pipeline_of_another_name_has_a_file_of_its_own(tmp_path: Path) -> None:
    one, other = (PipelineProgress("service", text, NOW) for text in ("one", "other"))
    progress.write_pipeline(tmp_path, one)
    progress.write_pipeline(tmp_path, other, "fraud-pipeline")
    assert progress.read_pipeline(tmp_path) == one
    assert progress.read_pipeline(tmp_path, "fraud-pipeline") == other
    assert progress.read_queries(tmp_path) == []
