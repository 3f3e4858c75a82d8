"""From chunk values to a report: verdicts, findings, means, shapes and quality notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from lakehouse.domain import Scored
from monitoring.analysis import estimates, findings, labels, limits, verdicts
from monitoring.analysis.findings import Finding
from monitoring.analysis.limits import Limits
from monitoring.analysis.values import POSITIVES, ChunkValues, Figure, Slice
from monitoring.analysis.verdicts import ChunkVerdict, ReferenceBaseline
from monitoring.quality import notes
from monitoring.report import (
    SINGLE_CLASS,
    ChunkReport,
    ColumnReport,
    Freshness,
    Performance,
    ReferenceReport,
    Report,
    SliceReport,
    VersionMark,
)

if TYPE_CHECKING:
    from monitoring.analysis.fitted import Fitted

RECENT_CHUNKS = 7
NOTES = 8


class Header(msgspec.Struct, frozen=True):
    """What a report says about the run itself; chunks with keys `unfinished` are still filling."""

    scored: Scored
    run_id: str
    started_at: datetime
    finished_at: datetime
    freshness: Freshness
    versions: tuple[VersionMark, ...]
    unfinished: frozenset[str] = frozenset()


def compose(
    header: Header,
    fitted: Fitted,
    values: Sequence[ChunkValues],
    min_rows: int,
    min_roc_auc: float,
) -> Report:
    """The report on `values`, which are in order and not empty."""
    learnt = limits.learn(fitted.chunks, min_roc_auc)
    baseline = ReferenceBaseline(fitted.chunks, learnt, fitted.effects, min_rows)
    judged = verdicts.judge(values, baseline, header.unfinished)
    words = header.scored.words
    found = findings.find(judged, words)
    return Report(
        model=header.scored.model,
        words=words,
        run_id=header.run_id,
        started_at=header.started_at,
        finished_at=header.finished_at,
        model_version=fitted.model.version,
        period=fitted.period.text,
        start_date=values[0].start,
        end_date=values[-1].end,
        rows=sum(chunk.rows for chunk in values),
        labelled=sum(chunk.labelled for chunk in values),
        warning=_warning(values),
        verdicts={finding.name: finding.state for finding in found},
        findings=found,
        performance=_performance(fitted.chunks, values, found),
        labels=labels.shift(fitted.chunks, values, fitted.effects.get(POSITIVES, 1.0)),
        limits=learnt,
        reference=_reference(fitted),
        chunks=tuple(map(ChunkReport, map(_slim, values), judged)),
        columns=tuple(_columns(fitted, values, judged, learnt)),
        slices=tuple(_slices(values)),
        quality=tuple(notes(fitted, values, judged, words))[:NOTES],
        freshness=header.freshness,
        versions=header.versions,
    )


def _warning(values: Sequence[ChunkValues]) -> str | None:
    labelled = sum(chunk.labelled for chunk in values)
    positives = sum(chunk.positives for chunk in values)
    return SINGLE_CLASS if labelled and positives in (0, labelled) else None


def _slim(values: ChunkValues) -> ChunkValues:
    return msgspec.structs.replace(values, associations={}, distributions={}, slices={})


def _reference(fitted: Fitted) -> ReferenceReport:
    chunks = fitted.chunks
    rate = sum(chunk.positives for chunk in chunks) / sum(chunk.labelled for chunk in chunks)
    slim = tuple(map(_slim, chunks))
    text = fitted.buckets.text
    return ReferenceReport(text(fitted.start), text(fitted.end), fitted.rows, rate, slim)


def _performance(
    reference: Sequence[ChunkValues], values: Sequence[ChunkValues], found: Sequence[Finding]
) -> Performance:
    errors_of_estimates = estimates.past_errors(values)
    realised = _means(values, lambda c: c.realised, lambda c: c.labelled)
    errors = [(c.calibration_error, c.labelled) for c in values if c.calibration_error is not None]
    if errors:
        rows = sum(n for _, n in errors)
        realised["calibration_error"] = sum(e * n for e, n in errors) / rows
    return Performance(
        reference=_means(reference, lambda c: c.realised, lambda c: c.labelled),
        realised=realised,
        estimated=_means(values, lambda c: c.estimated, lambda c: c.rows),
        estimate_error=errors_of_estimates.get("roc_auc"),
        estimate_errors=errors_of_estimates,
        caveat=estimates.caveat(found),
    )


def _means(
    chunks: Sequence[ChunkValues],
    figures: Callable[[ChunkValues], dict[str, Figure]],
    weight: Callable[[ChunkValues], int],
) -> dict[str, float]:
    names = dict.fromkeys(name for chunk in chunks for name in figures(chunk))
    means = {}
    for name in names:
        parts = [(figures(c)[name].value, weight(c)) for c in chunks if name in figures(c)]
        means[name] = sum(value * n for value, n in parts) / sum(n for _, n in parts)
    return means


def _columns(
    fitted: Fitted,
    values: Sequence[ChunkValues],
    judged: Sequence[ChunkVerdict],
    learnt: Limits,
) -> Iterator[ColumnReport]:
    """All columns, those that moved most recently and most strongly first."""
    solid = [v for v, verdict in zip(values, judged, strict=True) if verdict.reliable] or values
    ratios = {
        name: [learnt.limit_ratio(name, chunk.drift[name], chunk.rows) for chunk in solid]
        for name in learnt.distances
    }
    edges = fitted.normal.edges
    for name in sorted(ratios, key=lambda name: -ratios[name][-1]):
        yield ColumnReport(
            name=name,
            importance=fitted.model.importance.get(name, 0.0),
            limit_ratio=ratios[name][-1],
            worst=max(ratios[name]),
            edges=tuple(edges[name].tolist()) if name in edges else (),
            reference=_shape(fitted.chunks, name),
            recent=_shape(solid[-RECENT_CHUNKS:], name),
        )


def _shape(chunks: Sequence[ChunkValues], name: str) -> tuple[float, ...]:
    known = [(c.distributions[name].shares, c.rows) for c in chunks if name in c.distributions]
    rows = sum(n for _, n in known)
    return tuple(
        sum(share * n for share, (_, n) in zip(bins, known, strict=True)) / rows
        for bins in zip(*(shares for shares, _ in known), strict=True)
    )


def _slices(values: Sequence[ChunkValues]) -> Iterator[SliceReport]:
    """Slices of the recent chunks; their outcomes are those of the latest labelled chunks."""
    recent = values[-RECENT_CHUNKS:]
    labelled = [chunk for chunk in values if chunk.labelled][-RECENT_CHUNKS:]
    names = sorted({name for chunk in recent for name in chunk.slices})
    for name in names:
        parts = [chunk.slices[name] for chunk in recent if name in chunk.slices]
        known = [chunk.slices[name] for chunk in labelled if name in chunk.slices]
        rows = sum(part.rows for part in parts)
        yield SliceReport(
            name=name,
            rows=rows,
            score=sum(part.score * part.rows for part in parts) / rows,
            label_rate=_weighted(known, lambda part: part.label_rate),
            roc_auc=_weighted(known, lambda part: part.roc_auc),
        )


def _weighted(parts: Sequence[Slice], value_of: Callable[[Slice], float | None]) -> float | None:
    known = [(value, part.labelled) for part in parts if (value := value_of(part)) is not None]
    rows = sum(n for _, n in known)
    return sum(value * n for value, n in known) / rows if rows else None
