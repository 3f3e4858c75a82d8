"""`cdrlake status`: whole names at eighty columns, and a sentence where there is nothing."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from cdrlake import status
from lakehouse import files, progress
from lakehouse.domains.settings import Settings
from lakehouse.progress import QueryProgress

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LONGEST = "segments_transform__segments_card_features_v1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=str(tmp_path / "state"))


def shown(settings: Settings) -> list[str]:
    """The lines on a terminal of eighty columns."""
    console = Console(file=io.StringIO(), width=80, highlight=False)
    status.show(console, settings)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_where_there_is_nothing_a_sentence_says_so(settings: Settings) -> None:
    assert shown(settings) == [
        "Nothing runs; `cdrlake up` starts it.",
        "No streaming query has run here yet.",
    ]


def test_names_and_figures_are_whole_at_eighty_columns(settings: Settings) -> None:
    far = QueryProgress(
        LONGEST, "running", NOW, batch_id=123_456, rows=1_234_567, batch_seconds=1234.5,
        lag_versions=12_345, lag_seconds=86_400,
    )  # fmt: skip
    near = QueryProgress("cdr_ingest__bronze_v1", "waiting", NOW, lag_versions=1, error="[x] away")
    for one in (far, near):
        progress.write_query(settings.state, one)
    found = shown(settings)
    text = "\n".join(found)
    assert max(map(len, found)) <= 80
    assert "…" not in text
    assert "version" in text.split()
    for whole in (*LONGEST.split("__"), "123456", "1,234,567", "1234.5", "12,345", "versions",
                  "86400 s", "[x] away"):  # fmt: skip
        assert whole in text, whole


def test_a_process_that_runs_is_named_with_its_memory(settings: Settings) -> None:
    entry = {"name": "kafka", "pid": os.getpid(), "created": psutil.Process().create_time()}
    files.replace(settings.state / "run" / "kafka.json", json.dumps(entry).encode())
    gone = json.dumps(entry | {"name": "gone", "created": 0.0}).encode()
    files.replace(settings.state / "run" / "gone.json", gone)
    (line,) = (line for line in shown(settings) if str(os.getpid()) in line)
    assert "kafka" in line and "MiB" in line
    assert "gone" not in "\n".join(shown(settings))
