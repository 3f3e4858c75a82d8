"""Numbers that come with predictions, such as how long they took: their mean and tail by chunk."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from lakehouse.domain import Measure, Scored
from monitoring.buckets import Buckets
from monitoring.chunks import Chunk
from monitoring.report import MeasureReport, MeasureValue

RECENT = 24
TAIL = 0.95
FLAGGED = "Share flagged"


def measured(
    rows: pl.LazyFrame, scored: Scored, buckets: Buckets, chunks: Sequence[Chunk]
) -> tuple[MeasureReport, ...]:
    """The declared measures, and the share of rows flagged, of the latest chunks, oldest first.

    `rows` are predictions of one model version. A chunk is measured by its span of time. Without a
    declared measure nothing is read.
    """
    if not scored.measures:
        return ()
    wanted = (Measure(scored.prediction, FLAGGED), *scored.measures)
    latest = chunks[-RECENT:]
    time = pl.col(scored.time)
    parts = [
        rows.filter(buckets.between(time, chunk.start, chunk.end)).select(_figures(wanted))
        for chunk in latest
    ]
    found = pl.concat(parts).collect()
    return tuple(
        MeasureReport(
            one.title,
            tuple(
                MeasureValue(chunk.key, mean, tail)
                for chunk, mean, tail in zip(
                    latest, found[f"{one.column} mean"], found[f"{one.column} tail"], strict=True
                )
            ),
        )
        for one in wanted
    )


def _figures(wanted: Sequence[Measure]) -> list[pl.Expr]:
    columns = [one.column for one in wanted]
    return [
        *(pl.col(name).mean().alias(f"{name} mean") for name in columns),
        *(pl.col(name).quantile(TAIL).alias(f"{name} tail") for name in columns),
    ]
