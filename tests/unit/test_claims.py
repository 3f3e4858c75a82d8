"""One process a query: who has claimed a checkpoint keeps it until it ends, however it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.domains.cdr.names import SCORE, TRANSFORM
from lakehouse.errors import StreamError
from lakehouse.settings import ROOT
from pyspark_jobs.engine import query_lock

CLAIM = """
import sys
from lakehouse.domains.cdr.names import TRANSFORM
from pyspark_jobs.engine import query_lock
query_lock.take(TRANSFORM, sys.argv[1])
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has claimed the transform of the lake in `tmp_path`."""
    command = [sys.executable, "-c", CLAIM, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        yield process
        process.kill()


def test_a_second_process_is_told_which_one_runs_the_query(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    with pytest.raises(
        StreamError, match=f"cdr_transform.* another process already, pid {other.pid} on"
    ):
        query_lock.take(TRANSFORM, str(tmp_path))
    assert query_lock.is_taken(TRANSFORM, str(tmp_path))
    assert not query_lock.is_taken(SCORE, str(tmp_path))


def test_a_process_that_was_killed_leaves_its_query_free(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    other.kill()
    other.wait()
    query_lock.take(TRANSFORM, str(tmp_path))
    query_lock.take(TRANSFORM, str(tmp_path))
