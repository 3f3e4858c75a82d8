"""The opponents' output is counted before their time is believed."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

from bench.opponents import apart, flink, pathway
from lakehouse.errors import ServiceError


def test_a_job_that_wrote_half_is_refused() -> None:
    apart.expect("Flink", "rows", 10, 10)
    with pytest.raises(ServiceError, match="Flink: expected 10 rows of daily_sums, but got 5"):
        apart.expect("Flink", "daily_sums", 5, 10)


def test_a_change_that_was_taken_back_does_not_count(tmp_path: Path) -> None:
    changes = {"events": [1, 1, 2, 3], "diff": [1, -1, 1, 1]}
    for job in ("rows", "daily_sums"):
        pl.DataFrame(changes).write_ndjson(tmp_path / f"{job}.jsonl")
    assert pathway._rows("rows", tmp_path) == 2
    assert pathway._rows("daily_sums", tmp_path) == 5


def test_a_file_that_is_not_finished_does_not_count(tmp_path: Path) -> None:
    sums = pl.DataFrame({"events": [2, 3]})
    for name in ("part-0", "part-1", ".part-2.inprogress"):
        sums.write_parquet(tmp_path / name)
    assert flink._rows("rows", tmp_path) == 4
    assert flink._rows("daily_sums", tmp_path) == 10


def test_a_child_that_ends_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "python_of", lambda _: Path(sys.executable))
    script = tmp_path / "ends.py"
    script.write_text("print('ready', flush=True)\ninput()\nraise ValueError('no such query')")
    with (
        pytest.raises(ServiceError, match="but got ValueError: no such query"),
        apart.child(script, [], {}) as ask,
    ):
        ask("count", tmp_path)
