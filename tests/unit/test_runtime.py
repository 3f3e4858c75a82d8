"""A job that is a service says where it stands, for `cdrlake up` to wait for."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from lakehouse import progress
from lakehouse.clock import FixedClock
from lakehouse.errors import StreamError
from lakehouse.settings import Settings
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.engine.supervisor import Supervisor

CLOCK = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
NO_SPARK = cast(SparkSession, SimpleNamespace())


class Watching(Supervisor):
    """Looks, when it serves, at what the job has said of itself."""

    def __init__(self, state: Path, error: Exception | None = None) -> None:
        super().__init__(CLOCK, threading.Event())
        self.state, self.error = state, error
        self.seen: progress.PipelineProgress | None = None

    def serve(self, *_: Any) -> None:
        """End at once, or fail."""
        self.seen = progress.read_pipeline(self.state, "toy-pipeline")
        if self.error:
            raise self.error


def job(watching: Watching) -> Job[Settings]:
    settings = Settings(state_dir=str(watching.state))
    return Job(NO_SPARK, settings, CLOCK, threading.Event(), watching)


def phase(state: Path) -> str | None:
    found = progress.read_pipeline(state, "toy-pipeline")
    return found.phase if found else None


def test_a_job_that_is_a_service_is_in_service_while_it_watches(tmp_path: Path) -> None:
    watching = Watching(tmp_path)
    job(watching).run(1.0, service="toy-pipeline")
    assert watching.seen == progress.PipelineProgress("service", "", CLOCK.now())
    assert phase(tmp_path) == "stopped"


def test_a_service_that_fails_says_why(tmp_path: Path) -> None:
    watching = Watching(tmp_path, StreamError.sentence("The column heat is gone."))
    with pytest.raises(StreamError):
        job(watching).run(1.0, service="toy-pipeline")
    found = progress.read_pipeline(tmp_path, "toy-pipeline")
    assert found is not None
    assert (found.phase, found.detail) == ("failed", "The column heat is gone.")


def test_a_job_that_is_no_service_says_nothing(tmp_path: Path) -> None:
    job(Watching(tmp_path)).run(1.0)
    job(Watching(tmp_path)).run(None, service="toy-pipeline")
    assert phase(tmp_path) is None
