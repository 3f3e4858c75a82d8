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
FEATURES, FEATURE_NAMES = "features", "feature_names"


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
        found[FEATURES] = list(rows) if rows.size == 0 else rows
        found[FEATURE_NAMES] = [",".join(scorer.features)] * len(rows)
    if reason_names()[0][0] in scored.table.names:
        found |= reason_columns(scorer, rows)
    mine = [pl.Series(name, found[name]) for name in scored.table.names if name in found]
    types = polars_schema(scored.table)
    kinds = {one.name: types[one.name] for one in mine}
    carried = [
        name
        for name in frame.columns
        if name in scored.table.names and name not in kinds and name != scored.label
    ]
    return frame.select(carried).with_columns(mine).cast(kinds)  # type: ignore[arg-type]


def reason_names() -> list[tuple[str, str]]:
    """The columns of each reason: the feature, and whether it raises the score."""
    return [(f"reason_{rank}", f"reason_{rank}_raises") for rank in range(1, REASONS + 1)]


def reason_columns(scorer: Scorer, rows: Floats) -> dict[str, pl.Series]:
    """The features that moved each row's score most; null for a kind that cannot tell."""
    moved = scorer.contributions(rows)
    found: dict[str, pl.Series] = {}
    names = pl.Series(scorer.features, dtype=pl.String)
    nobody = [None] * len(rows)
    strongest = None if moved is None else _strongest(moved)
    for rank, (name, raises) in enumerate(reason_names()):
        if moved is None or strongest is None or rank >= len(names):
            found |= {name: pl.Series(nobody, dtype=pl.String)}
            found |= {raises: pl.Series(nobody, dtype=pl.Boolean)}
            continue
        which = strongest[:, rank, None]
        found[name] = names.gather(which[:, 0])
        found[raises] = pl.Series(np.take_along_axis(moved, which, axis=1)[:, 0] > 0)
    return found


def reasons(scorer: Scorer, rows: Floats) -> pl.Series:
    """The features that moved each row's score most, as JSON; null for a kind that cannot tell."""
    columns = reason_columns(scorer, rows)
    if columns[reason_names()[0][0]].null_count() == len(rows):
        return pl.Series([None] * len(rows), dtype=pl.String)
    place = {name: at for at, name in enumerate(scorer.features)}
    texts = []
    for rank, (name, raises) in enumerate(reason_names()[: len(place)]):
        which = columns[name].replace_strict(place, return_dtype=pl.Int64).to_numpy()[:, None]
        reason = pl.DataFrame(
            {
                "feature": columns[name],
                "value": np.take_along_axis(rows, which, axis=1)[:, 0],
                "direction": pl.select(
                    pl.when(columns[raises]).then(pl.lit("raises")).otherwise(pl.lit("lowers"))
                ).to_series(),
            }
        )
        text = reason.select(pl.struct(pl.all()).struct.json_encode()).to_series()
        texts.append(text.alias(str(rank)))
    return pl.select(pl.format("[{}]", pl.concat_str(texts, separator=","))).to_series()


def _strongest(moved: Floats) -> npt.NDArray[np.int64]:
    return np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :REASONS]


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
