"""Scores many rows at once, with any kind of model, as rows of a table of predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from lakehouse.domain import Scored
from lakehouse.errors import ModelError
from lakehouse.kinds import polars_schema
from lakehouse.models.forest import Floats

REASONS = 3
# Columns of predictions, beside those that `Scored` names, under the names that MLlib gave them.
NEGATIVE, RAW_NEGATIVE, RAW = "probability_0", "rawPrediction_0", "rawPrediction_1"
FEATURES, WHY = "features_str", "reasons"


@dataclass(frozen=True)
class Scores:
    """A model's scores of some rows, one entry per row.

    `raw` is the score of the positive class in the model's own unit: votes of a forest, log-odds of
    a linear model. For both classes together it is `total`.
    """

    raw: Floats
    probability: Floats
    prediction: npt.NDArray[np.int32]
    total: float = 0.0


class Scorer(Protocol):
    """A model prepared for scoring; safe to share between threads."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that it scores, in order."""
        ...

    @property
    def threshold(self) -> float:
        """The prediction is 1 for probabilities from this value up."""
        ...

    def score(self, rows: Floats) -> Scores:
        """Scores of a matrix of rows, its columns in the order of `features`."""
        ...

    def contributions(self, rows: Floats) -> Floats | None:
        """How far each feature moved each row's raw score; None for a kind that cannot tell."""
        ...


def score_frame(scorer: Scorer, frame: pl.DataFrame, scored: Scored) -> pl.DataFrame:
    """`frame` (entity, time, the features) as rows of the table of predictions.

    The columns are those of the table's contract that depend on the row and the model; other
    columns that the contract shares with `frame` are carried over. Raises `ModelError` when a
    feature is missing.
    """
    rows = matrix(frame, scorer.features)
    scores = scorer.score(rows)
    found: dict[str, Any] = {
        scored.prediction: scores.prediction,
        NEGATIVE: 1.0 - scores.probability,
        scored.score: scores.probability,
        RAW_NEGATIVE: scores.total - scores.raw,
        RAW: scores.raw,
    }
    if FEATURES in scored.table.names:
        as_json = frame.select(pl.struct(scorer.features).struct.json_encode())
        found[FEATURES] = as_json.to_series()
    if WHY in scored.table.names:
        found[WHY] = reasons(scorer, rows)
    mine = [pl.Series(name, found[name]) for name in scored.table.names if name in found]
    types = polars_schema(scored.table)
    kinds = {one.name: types[one.name] for one in mine}
    carried = [
        name
        for name in frame.columns
        if name in scored.table.names and name not in kinds and name != scored.label
    ]
    return frame.select(carried).with_columns(mine).cast(kinds)  # type: ignore[arg-type]


def reasons(scorer: Scorer, rows: Floats) -> pl.Series:
    """The features that moved each row's score most, as JSON; null for a kind that cannot tell."""
    moved = scorer.contributions(rows)
    if moved is None:
        return pl.Series([None] * len(rows), dtype=pl.String)
    strongest = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :REASONS]
    names = np.array(scorer.features)
    columns = []
    for rank in range(strongest.shape[1]):
        which = strongest[:, rank, None]
        direction = np.take_along_axis(moved, which, axis=1)[:, 0] > 0
        reason = pl.DataFrame(
            {
                "feature": names[which[:, 0]],
                "value": np.take_along_axis(rows, which, axis=1)[:, 0],
                "direction": np.where(direction, "raises", "lowers"),
            }
        )
        columns.append(reason.select(pl.struct(pl.all()).struct.json_encode()).to_series())
    joined = pl.concat_str(
        [column.alias(str(i)) for i, column in enumerate(columns)], separator=","
    )
    return pl.select(pl.format("[{}]", joined)).to_series()


def matrix(frame: pl.DataFrame, features: tuple[str, ...]) -> Floats:
    """The named columns as a row-major matrix of doubles.

    Raises `ModelError` naming the missing columns.
    """
    missing = [name for name in features if name not in frame.columns]
    if missing:
        raise ModelError(
            "features", "the columns the model was trained on", f"none called {missing[:3]}",
            "score with the feature windows of the model",
        )  # fmt: skip
    columns = frame.select(pl.col(features).cast(pl.Float64))
    return np.ascontiguousarray(columns.to_numpy())
