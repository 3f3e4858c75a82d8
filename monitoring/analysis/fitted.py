"""A reference, learnt once, and the values of chunks compared with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np
import pandas as pd
import polars as pl
from sklearn.metrics import roc_auc_score

from lakehouse.display import printable
from lakehouse.errors import MonitoringError
from lakehouse.metrics import ScoredLabels
from monitoring.analysis import profile
from monitoring.analysis.engine import CHUNK, Engine, NannyEngine, Statistics
from monitoring.analysis.model import Model
from monitoring.analysis.profile import Floats, ReferenceProfile
from monitoring.analysis.values import (
    ENTITY,
    LABEL,
    RECALL,
    SCORE,
    TIME,
    TRAIT,
    ChunkValues,
    Distribution,
    Figure,
    Slice,
)
from monitoring.buckets import Buckets
from monitoring.chunks import Bucket, Chunk, Period, plan
from monitoring.errors import SingleClassError
from monitoring.scored_rows import in_order

MIN_CLASS = 5
REFERENCE_ROWS = 250_000
DATES = Buckets()


@dataclass(frozen=True)
class Fitted:
    """A model's reference, ready for comparisons; `chunks` are the reference's own.

    `start` and `end` are its first and last bucket; `effects` are those of
    `profile.design_effects`.
    """

    model: Model
    period: Period
    buckets: Buckets
    start: date
    end: date
    rows: int
    engine: Engine
    normal: ReferenceProfile
    effects: dict[str, float]
    chunks: tuple[ChunkValues, ...]

    def evaluate(self, rows: pl.DataFrame, chunks: Sequence[Chunk]) -> list[ChunkValues]:
        """Values of `chunks`, whose rows are contiguous in `rows`.

        `rows` are canonical (see `scored_rows`), with the features and any traits. Raises
        `MonitoringError` when a row is not later than the reference.
        """
        if rows.height and self.buckets.floor(cast(date, rows[TIME].min())) <= self.end:
            raise MonitoringError(
                "analysis period", f"dates after the reference, {self.end}",
                str(rows[TIME].min()), "begin later",
            )  # fmt: skip
        frame = _frame(rows, chunks)
        return _values(self.engine.calculate, self.normal, self.buckets, frame, chunks)


def fit(model: Model, reference: pl.DataFrame, period: Period, buckets: Buckets = DATES) -> Fitted:
    """Learn the model's test window, whose rows are canonical.

    Raises `SingleClassError` when it has labels of one class only.
    """
    known = in_order(_bounded(reference))
    # The caller has given the rows away, so that the largest thing here is held once.
    del reference
    if known[LABEL].n_unique() < 2 or known[LABEL].null_count():
        raise SingleClassError(
            f"reference of model version {model.version}", "labels of both classes",
            f"{known[LABEL].n_unique()}", "train on a window with both",
        )  # fmt: skip
    counted = known.group_by(buckets.floored(pl.col(TIME))).len().sort(TIME).rows()
    chunks = plan([Bucket(start, rows, "") for start, rows in counted], period)
    rows = known.height
    frame = _frame(known, chunks, keep_entity=True)
    del known
    engine = NannyEngine(model.features, model.costs)
    normal = ReferenceProfile.of(frame, model.features)
    values = _values(engine.fit, normal, buckets, frame, chunks)
    return Fitted(
        model=model,
        period=period,
        buckets=buckets,
        start=counted[0][0],
        end=counted[-1][0],
        rows=rows,
        engine=engine,
        normal=normal,
        effects=profile.design_effects(frame, normal),
        chunks=tuple(values),
    )


def _bounded(reference: pl.DataFrame) -> pl.DataFrame:
    """The reference, or if it is huge, a fixed share of its entities with all their rows."""
    if reference.height <= REFERENCE_ROWS:
        return reference
    modulus = 1_000
    kept = modulus * REFERENCE_ROWS // reference.height
    return reference.filter(pl.col(ENTITY).hash(seed=0) % modulus < kept)


def _frame(rows: pl.DataFrame, chunks: Sequence[Chunk], keep_entity: bool = False) -> pd.DataFrame:
    """The rows for NannyML, on the memory of `rows` where it can be shared, with their chunk."""
    counts = [chunk.rows for chunk in chunks]
    keys = np.repeat(np.array([chunk.key for chunk in chunks], dtype=object), counts)
    # Only which rows are of one entity matters, and texts would become objects.
    entity = [pl.col(ENTITY).rank("dense")] if keep_entity else []
    others = pl.exclude(TIME, ENTITY, LABEL)
    named = rows.select(others, pl.col(LABEL).cast(pl.Float64), *entity)
    return pd.DataFrame(
        {column.name: column.to_numpy() for column in named} | {CHUNK: keys}, copy=False
    )


def _values(
    statistics_of: Callable[[pd.DataFrame], list[Statistics]],
    normal: ReferenceProfile,
    buckets: Buckets,
    frame: pd.DataFrame,
    chunks: Sequence[Chunk],
) -> list[ChunkValues]:
    found, start = [], 0
    for chunk, statistics in zip(chunks, statistics_of(frame), strict=True):
        part = frame.iloc[start : start + chunk.rows]
        span = (buckets.text(chunk.start), buckets.text(chunk.end))
        found.append(_chunk_values(chunk, span, statistics, part, normal))
        start += chunk.rows
    return found


def _chunk_values(
    chunk: Chunk,
    span: tuple[str, str],
    statistics: Statistics,
    rows: pd.DataFrame,
    normal: ReferenceProfile,
) -> ChunkValues:
    is_known = rows[LABEL].notna()
    labelled = rows if is_known.all() else rows[is_known]
    score, label = (labelled[name].to_numpy(np.float64) for name in (SCORE, LABEL))
    missing, outside = profile.quality(rows, normal)
    brier, error = profile.calibration(score, label) if len(label) else (None, None)
    expected = normal.expected.predict(score) if len(label) else np.zeros(0)
    return ChunkValues(
        key=chunk.key,
        start=span[0],
        end=span[1],
        rows=chunk.rows,
        labelled=len(label),
        positives=int(label.sum()),
        expected=float(np.sum(expected)),
        realised=statistics.realised | _recall(score, label),
        estimated=statistics.estimated,
        drift=statistics.drift,
        reconstruction=statistics.reconstruction,
        missing={name: share for name, share in missing.items() if name in normal.edges},
        outside=outside,
        distributions={
            name: Distribution(profile.shares(rows[name], edges), float(rows[name].mean()))
            for name, edges in normal.edges.items()
        },
        brier=brier,
        calibration_error=error,
        associations=profile.associations(labelled, normal) if len(label) else {},
        slices=dict(_slices(rows)),
    )


def _recall(score: Floats, label: Floats) -> dict[str, Figure]:
    """Recall in the top decile with its binomial error, where both classes are known."""
    positives = int(label.sum())
    if min(positives, len(label) - positives) < MIN_CLASS:
        return {}
    found = ScoredLabels(score, label.astype(np.int64)).recall_top_decile()
    return {RECALL: Figure(found, float(np.sqrt(found * (1 - found) / positives)))}


def _slices(rows: pd.DataFrame) -> Iterator[tuple[str, Slice]]:
    for column in rows.columns:
        if str(column).startswith(TRAIT):
            for name, part in rows.groupby(column, observed=True):
                shown = printable(str(name))  # a source may have put anything into a trait
                yield f"{column.removeprefix(TRAIT)}: {shown}", _slice(part)


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
