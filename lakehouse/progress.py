"""The last progress of each streaming query, in small files that can be read without a JVM."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from lakehouse import files
from lakehouse.contracts import Contract, Field

FOLDER = "progress"
PIPELINE = "pipeline"

State = Literal["running", "waiting", "stopped", "failed"]
Phase = Literal["backfill", "train", "service", "stopped", "failed"]


class QueryProgress(msgspec.Struct, frozen=True):
    """The last batch of one query; `lag_*` say how far it is behind its source.

    A query that waits for a server is retried again and again; `waiting_since` is when that began.
    """

    query: str
    state: State
    at: datetime
    batch_id: int = -1
    rows: int = 0
    rows_per_second: float = 0.0
    batch_seconds: float = 0.0
    phases_ms: dict[str, int] = {}
    lag_offsets: int | None = None
    lag_versions: int | None = None
    lag_seconds: float = 0.0
    quarantine_ratio: float | None = None
    error: str | None = None
    waiting_since: datetime | None = None


class PipelineProgress(msgspec.Struct, frozen=True):
    """The pipeline's phase: catching up, training, or serving."""

    phase: Phase
    detail: str
    at: datetime


QUERY_PROGRESS = Contract(
    "ops.query_progress",
    (
        Field("query", "string", "name of the streaming query"),
        Field("at", "timestamp", "end of the batch, UTC"),
        Field("batch_id", "long", "micro-batch"),
        Field("rows", "long", "rows read"),
        Field("rows_per_second", "double", "rows read per second of batch time"),
        Field("batch_seconds", "double", "duration of the batch, seconds"),
        Field("phases_ms", "string", "milliseconds by phase, as JSON"),
        Field("lag_offsets", "long", "messages not read yet", nullable=True),
        Field("lag_versions", "long", "versions of its table not read yet", nullable=True),
        Field("lag_seconds", "double", "seconds since the query was last level with its source"),
        Field("quarantine_ratio", "double", "share of bad messages in the batch", nullable=True),
    ),
    key=("query", "batch_id"),
)


def write_query(state: Path, progress: QueryProgress) -> None:
    """Replace this query's file atomically, so that a reader never sees half of one."""
    files.replace(state / FOLDER / f"{progress.query}.json", msgspec.json.encode(progress))


def write_pipeline(state: Path, progress: PipelineProgress, name: str = PIPELINE) -> None:
    """Replace the file of the pipeline called `name` atomically."""
    files.replace(state / FOLDER / f"{name}.json", msgspec.json.encode(progress))


def read_queries(state: Path) -> list[QueryProgress]:
    """Progress of every query that has run here, by name; empty before the first run."""
    paths = sorted((state / FOLDER).glob("*__*.json"))
    return [msgspec.json.decode(path.read_bytes(), type=QueryProgress) for path in paths]


def read_pipeline(state: Path, name: str = PIPELINE) -> PipelineProgress | None:
    """The phase of the pipeline called `name`; None before its first start."""
    path = state / FOLDER / f"{name}.json"
    if not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=PipelineProgress)
