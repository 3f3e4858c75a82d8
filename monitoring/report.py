"""The report of a run: what is drawn, stored, returned and alerted on."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from lakehouse.domain import Words
from monitoring.analysis.findings import WORDS, Finding, State
from monitoring.analysis.labels import LabelShift
from monitoring.analysis.limits import Limits
from monitoring.analysis.values import ChunkValues
from monitoring.analysis.verdicts import ChunkVerdict

SCHEMA_VERSION = 2
COMPLETED = "Monitoring completed and saved."
SINGLE_CLASS = "Single-class data detected, skipping calculations."


class Performance(msgspec.Struct, frozen=True):
    """Means over chunks, weighted by rows; a kind without values is empty.

    `estimate_error` is the mean absolute difference of estimated and realised ROC-AUC, where both
    are known, and `estimate_errors` that of each metric. `caveat` says what the estimates cannot
    know at present.
    """

    reference: dict[str, float]
    realised: dict[str, float]
    estimated: dict[str, float]
    estimate_error: float | None
    estimate_errors: dict[str, float] = {}
    caveat: str | None = None


class ColumnReport(msgspec.Struct, frozen=True, rename={"limit_ratio": "strength"}):
    """A feature, or the score: how far it has moved recently, and its shape then and now.

    `limit_ratio` is the factor of its limit in the latest reliable chunk, `worst` the highest of
    all. `reference` and `recent` are shares of rows in equally wide bins between `edges`.
    """

    name: str
    importance: float
    limit_ratio: float
    worst: float
    edges: tuple[float, ...]
    reference: tuple[float, ...]
    recent: tuple[float, ...]


class SliceReport(msgspec.Struct, frozen=True):
    """A slice of the rows: their number and mean score over the recent chunks.

    `label_rate` and `roc_auc` are those of the latest chunks with outcomes; None without any.
    """

    name: str
    rows: int
    score: float
    label_rate: float | None
    roc_auc: float | None


class MeasureValue(msgspec.Struct, frozen=True):
    """Mean and 95th percentile of a measure in a chunk; None where no row has a value."""

    chunk: str
    mean: float | None
    tail: float | None


class MeasureReport(msgspec.Struct, frozen=True):
    """A number that comes with predictions, by chunk."""

    title: str
    values: tuple[MeasureValue, ...]


class ReferenceReport(msgspec.Struct, frozen=True):
    """The champion's test window."""

    start: str
    end: str
    rows: int
    label_rate: float
    chunks: tuple[ChunkValues, ...]


class ChunkReport(msgspec.Struct, frozen=True):
    """A chunk and the verdict of the limits on it."""

    values: ChunkValues
    verdict: ChunkVerdict


class VersionMark(msgspec.Struct, frozen=True):
    """A model version on the time axis."""

    number: int
    score_from: date
    promoted_at: datetime | None
    alias: str | None


class Freshness(msgspec.Struct, frozen=True):
    """When the latest prediction was made, its age at the time of the run, and its bucket."""

    scored_at: datetime
    age_seconds: float
    last_date: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run found.

    `warning` is set if there is no realised performance. Times of the data (`start_date`, `since`
    ...) are dates, or timestamps in UTC, in ISO 8601.
    """

    schema_version: int = SCHEMA_VERSION
    model: str = ""
    words: Words = WORDS
    run_id: str
    started_at: datetime
    finished_at: datetime
    model_version: int
    period: str
    start_date: str
    end_date: str
    rows: int
    labelled: int
    warning: str | None
    verdicts: dict[str, State]
    findings: tuple[Finding, ...]
    performance: Performance
    labels: LabelShift | None
    limits: Limits
    reference: ReferenceReport
    chunks: tuple[ChunkReport, ...]
    columns: tuple[ColumnReport, ...]
    slices: tuple[SliceReport, ...]
    quality: tuple[str, ...]
    freshness: Freshness
    versions: tuple[VersionMark, ...]
    measures: tuple[MeasureReport, ...] = ()


def answer(report: Report, links: dict[str, str]) -> dict[str, object]:
    """What the caller of a run gets: a short form of the report, with links to its files."""
    outcome = {"warning": report.warning} if report.warning else {"message": COMPLETED}
    short = {
        "run_id": report.run_id,
        "model": report.model,
        "model_version": report.model_version,
        "period": report.period,
        "start_date": report.start_date,
        "end_date": report.end_date,
        "rows": report.rows,
        "labelled": report.labelled,
        "verdicts": report.verdicts,
        "findings": report.findings,
        "performance": report.performance,
        "labels": report.labels,
        "quality": report.quality,
        "links": links,
    }
    built: dict[str, object] = msgspec.to_builtins(outcome | short)
    return built
