"""The two CSV reports, one row per chunk and per chunk and feature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from monitoring.analysis.values import SCORE, ChunkValues
from monitoring.report import Report

_CHUNK = {"chunk": pl.String, "start": pl.String, "end": pl.String, "period": pl.String}


def performance(report: Report) -> pl.DataFrame:
    """One row per chunk and metric: realised and estimated value, band, limit, rows."""
    reference = [("reference", chunk, True) for chunk in report.reference.chunks]
    analysis = [("analysis", c.values, c.verdict.reliable) for c in report.chunks]
    rows = [
        row
        for period, chunk, reliable in [*reference, *analysis]
        for row in _metrics(report, period, chunk, reliable)
    ]
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=_CHUNK)


def drift(report: Report) -> pl.DataFrame:
    """One row per chunk, column and method: distance, limit, alarm; and the reconstruction."""
    rows = [row for chunk in report.chunks for row in _distances(report, chunk.values)]
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=_CHUNK)


def _metrics(
    report: Report, period: str, chunk: ChunkValues, reliable: bool
) -> Iterator[dict[str, Any]]:
    for metric in dict.fromkeys((*chunk.estimated, *chunk.realised)):
        realised, estimated = chunk.realised.get(metric), chunk.estimated.get(metric)
        yield {
            **_place(chunk, period),
            "metric": metric,
            "realised": realised.value if realised else None,
            "realised_error": realised.error if realised else None,
            "estimated": estimated.value if estimated else None,
            "estimated_low": estimated.low if estimated else None,
            "estimated_high": estimated.high if estimated else None,
            "limit": report.limits.performance.get(metric),
            "rows": chunk.rows,
            "labelled": chunk.labelled,
            "reliable": reliable,
        }


def _distances(report: Report, chunk: ChunkValues) -> Iterator[dict[str, Any]]:
    place, tolerance = _place(chunk, "analysis"), report.limits.tolerance(chunk.rows)
    for column, distances in chunk.drift.items():
        for method, distance in distances.items():
            usual = report.limits.distances[column].get(method)
            limit = None if usual is None else usual * tolerance
            kind = "prediction" if column == SCORE else "feature"
            yield {**place, "kind": kind, "column": column, "method": method, "value": distance,
                   "limit": limit, "beyond": limit is not None and distance > limit}  # fmt: skip
    limit = report.limits.reconstruction * tolerance
    yield {
        **place,
        "kind": "multivariate",
        "column": "all features",
        "method": "pca_reconstruction",
        "value": chunk.reconstruction.value,
        "limit": limit,
        "beyond": chunk.reconstruction.value > limit,
    }


def _place(chunk: ChunkValues, period: str) -> dict[str, Any]:
    return {"chunk": chunk.key, "start": chunk.start, "end": chunk.end, "period": period}
