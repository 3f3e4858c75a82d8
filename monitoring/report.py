"""The report of a run: what is drawn, stored, answered and alerted on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

from monitoring.analysis.findings import Finding, State
from monitoring.analysis.labels import LabelShift
from monitoring.analysis.limits import Limits
from monitoring.analysis.values import ChunkValues
from monitoring.analysis.verdicts import ChunkVerdict

SCHEMA_VERSION = 2
COMPLETED = "Monitoring completed and saved."
SINGLE_CLASS = "Single-class data detected, skipping calculations."

PerformanceKind = Literal["reference", "realised", "estimated"]


class Performance(msgspec.Struct, frozen=True):
    """Means over chunks, weighted by rows; a kind with nothing to tell is empty.

    `estimate_error` is the mean absolute difference of estimated and realised ROC-AUC, where both
    are known.
    """

    reference: dict[str, float]
    realised: dict[str, float]
    estimated: dict[str, float]
    estimate_error: float | None


class ColumnReport(msgspec.Struct, frozen=True):
    """A feature, or the score: how far it moved lately, and its shape then and now.

    `strength` is the factor of its limit in the latest reliable chunk, `worst` the highest of all.
    """

    name: str
    importance: float
    strength: float
    worst: float
    edges: tuple[float, ...]
    reference: tuple[float, ...]
    recent: tuple[float, ...]


class SliceReport(msgspec.Struct, frozen=True):
    """A part of the subscribers: rows and score over the recent chunks.

    `label_rate` and `roc_auc` are those of the latest chunks with outcomes; None without any.
    """

    name: str
    rows: int
    score: float
    label_rate: float | None
    roc_auc: float | None


class ReferenceReport(msgspec.Struct, frozen=True):
    """The champion's test window."""

    start: date
    end: date
    rows: int
    label_rate: float
    chunks: tuple[ChunkValues, ...]


class ChunkReport(msgspec.Struct, frozen=True):
    """A chunk and what the limits say of it."""

    values: ChunkValues
    verdict: ChunkVerdict


class VersionMark(msgspec.Struct, frozen=True):
    """A model version on the time axis."""

    number: int
    score_from: date
    promoted_at: datetime | None
    alias: str | None


class Freshness(msgspec.Struct, frozen=True):
    """How old the latest predictions are, in seconds, and the last date they speak of."""

    scored_at: datetime
    age_seconds: float
    last_date: date


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run found out. `warning` stands where realised performance cannot."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    started_at: datetime
    finished_at: datetime
    model_version: int
    period: str
    start_date: date
    end_date: date
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


def answer(report: Report, links: dict[str, str]) -> dict[str, object]:
    """What the caller of a run gets: a short form of the report with links to the long one."""
    outcome = {"warning": report.warning} if report.warning else {"message": COMPLETED}
    short = {
        "run_id": report.run_id,
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
