"""A reference, learnt once, and the values of chunks against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np
import pandas as pd
import polars as pl
from sklearn.metrics import roc_auc_score

from lakehouse.errors import MonitoringError
from monitoring.analysis import profile
from monitoring.analysis.engine import CHUNK, Engine, NannyEngine, Statistics
from monitoring.analysis.model import Model
from monitoring.analysis.profile import Floats, ReferenceProfile
from monitoring.analysis.values import LABEL, SCORE, ChunkValues, Distribution, Slice
from monitoring.chunks import Chunk, Day, Period, plan
from monitoring.errors import SingleClassError

MIN_CLASS = 5
REFERENCE_ROWS = 250_000
TRAITS = ("segment", "region", "tenure")


@dataclass(frozen=True)
class Fitted:
    """A model's reference, ready to be compared with; `chunks` are the reference's own.

    `effects` are the design effects of `profile.design_effects`.
    """

    model: Model
    period: Period
    start: date
    end: date
    rows: int
    engine: Engine
    ruler: ReferenceProfile
    effects: dict[str, float]
    chunks: tuple[ChunkValues, ...]

    def evaluate(self, rows: pl.DataFrame, chunks: Sequence[Chunk]) -> list[ChunkValues]:
        """Values of `chunks`, whose rows lie one after the other in `rows`.

        `rows` has User, Date, the features, label, prediction, score, and any of the traits.
        Raises `MonitoringError` when a row is not later than the reference.
        """
        if rows.height and cast(date, rows["Date"].min()) <= self.end:
            raise MonitoringError(
                "analysis period", f"dates after the reference, {self.end}",
                str(rows["Date"].min()), "begin later",
            )  # fmt: skip
        return _values(self.engine.calculate, self.ruler, rows, chunks)


def fit(model: Model, reference: pl.DataFrame, period: Period) -> Fitted:
    """Learn the model's test window.

    Raises `SingleClassError` when it has labels of one class only.
    """
    known = _bounded(reference).sort("Date", "User")
    if known[LABEL].n_unique() < 2 or known[LABEL].null_count():
        raise SingleClassError(
            f"reference of model version {model.version}", "labels of both classes",
            f"{known[LABEL].n_unique()}", "train on a window with both",
        )  # fmt: skip
    counted = known.group_by("Date").len().sort("Date").iter_rows()
    chunks = plan([Day(day, rows, "") for day, rows in counted], period)
    frame = _frame(known, chunks)
    engine = NannyEngine(model.features, model.costs)
    ruler = ReferenceProfile.of(frame, model.features)
    values = _values(engine.fit, ruler, known, chunks)
    return Fitted(
        model=model,
        period=period,
        start=cast(date, known["Date"].min()),
        end=cast(date, known["Date"].max()),
        rows=known.height,
        engine=engine,
        ruler=ruler,
        effects=profile.design_effects(frame, ruler),
        chunks=tuple(values),
    )


def _bounded(reference: pl.DataFrame) -> pl.DataFrame:
    """The reference, or of a huge one a fixed share of its subscribers with all of their days."""
    if reference.height <= REFERENCE_ROWS:
        return reference
    modulus = 1_000
    kept = modulus * REFERENCE_ROWS // reference.height
    return reference.filter(pl.col("User").hash(seed=0) % modulus < kept)


def _frame(rows: pl.DataFrame, chunks: Sequence[Chunk]) -> pd.DataFrame:
    keys = np.repeat([chunk.key for chunk in chunks], [chunk.rows for chunk in chunks])
    named = rows.with_columns(pl.Series(CHUNK, keys), pl.col(LABEL).cast(pl.Float64))
    return named.to_pandas()


def _values(
    statistics_of: Callable[[pd.DataFrame], list[Statistics]],
    ruler: ReferenceProfile,
    rows: pl.DataFrame,
    chunks: Sequence[Chunk],
) -> list[ChunkValues]:
    frame = _frame(rows, chunks)
    found, start = [], 0
    for chunk, statistics in zip(chunks, statistics_of(frame), strict=True):
        part = frame.iloc[start : start + chunk.rows]
        found.append(_chunk_values(chunk, statistics, part, ruler))
        start += chunk.rows
    return found


def _chunk_values(
    chunk: Chunk, statistics: Statistics, rows: pd.DataFrame, ruler: ReferenceProfile
) -> ChunkValues:
    labelled = rows[rows[LABEL].notna()]
    score, label = (labelled[name].to_numpy(np.float64) for name in (SCORE, LABEL))
    missing, outside = profile.quality(rows, ruler)
    brier, error = profile.calibration(score, label) if len(label) else (None, None)
    told = ruler.expected.predict(score) if len(label) else np.zeros(0)
    return ChunkValues(
        key=chunk.key,
        start=chunk.start,
        end=chunk.end,
        rows=chunk.rows,
        labelled=len(label),
        positives=int(label.sum()),
        expected=float(np.sum(told)),
        realised=statistics.realised,
        estimated=statistics.estimated,
        drift=statistics.drift,
        reconstruction=statistics.reconstruction,
        missing={name: share for name, share in missing.items() if name in ruler.edges},
        outside=outside,
        distributions={
            name: Distribution(profile.shares(rows[name], edges), float(rows[name].mean()))
            for name, edges in ruler.edges.items()
        },
        brier=brier,
        calibration_error=error,
        relations=profile.relations(labelled, ruler) if len(label) else {},
        slices=dict(_slices(rows)),
    )


def _slices(rows: pd.DataFrame) -> Iterator[tuple[str, Slice]]:
    for trait in TRAITS:
        if trait in rows:
            for name, part in rows.groupby(trait, observed=True):
                yield f"{trait}: {name}", _slice(part)


def _slice(part: pd.DataFrame) -> Slice:
    known = part[part[LABEL].notna()]
    label: Floats = known[LABEL].to_numpy(np.float64)
    both = min(label.sum(), len(label) - label.sum()) >= MIN_CLASS
    return Slice(
        rows=len(part),
        score=float(part[SCORE].mean()),
        labelled=len(label),
        label_rate=float(label.mean()) if len(label) else None,
        roc_auc=float(roc_auc_score(label, known[SCORE])) if both else None,
    )
