"""What is counted of a chunk beside NannyML's statistics: quality, shapes, calibration, relations.

Everything is a sum or a share over the chunk's rows, so chunks can be added up later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from lakehouse.metrics import calibration_error
from monitoring.analysis.values import LABEL, SCORE, Relation

Floats = npt.NDArray[np.float64]

BINS = 10
# Churn is rare: most scores are small, so the bins are narrow where they are.
SCORE_EDGES = np.array([0, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0])
GRID = 1_001


@dataclass(frozen=True)
class ReferenceProfile:
    """What the reference looks like, for numeric columns: bounds, bins and quantiles of each.

    `expected` turns a score into the probability that the reference says it stands for.
    """

    columns: tuple[str, ...]
    low: Floats
    high: Floats
    edges: dict[str, Floats]
    quantiles: Floats
    expected: IsotonicRegression

    @classmethod
    def of(cls, reference: pd.DataFrame, features: tuple[str, ...]) -> ReferenceProfile:
        """Measure the reference; columns that are not numbers are left out."""
        numeric = tuple(n for n in features if pd.api.types.is_numeric_dtype(reference[n]))
        values = reference[list(numeric)].to_numpy(np.float64)
        shares = np.linspace(0, 1, GRID)
        quantiles = np.nanquantile(values, shares, axis=0) if numeric else np.empty((GRID, 0))
        step = (GRID - 1) // BINS
        edges = {name: np.unique(quantiles[::step, i]) for i, name in enumerate(numeric)}
        expected = IsotonicRegression(out_of_bounds="clip")
        expected.fit(reference[SCORE], reference[LABEL])
        return cls(numeric, quantiles[0], quantiles[-1], edges | {SCORE: SCORE_EDGES},
                   quantiles, expected)  # fmt: skip

    def ranks(self, values: Floats) -> Floats:
        """Where values stand in the reference, from -0.5 to 0.5; missing ones at 0."""
        columns = [_rank(q, v) for q, v in zip(self.quantiles.T, values.T, strict=True)]
        ranks = np.column_stack(columns) if columns else np.empty((len(values), 0))
        return cast(Floats, np.where(np.isnan(values), 0.0, ranks))


def _rank(quantiles: Floats, values: Floats) -> Floats:
    """Middle of the places that each value takes among the quantiles."""
    first = np.searchsorted(quantiles, values, "left")
    last = first.copy()
    tied = quantiles[np.minimum(first, GRID - 1)] == values
    last[tied] = np.searchsorted(quantiles, values[tied], "right")
    return (first + last) / (2 * GRID) - 0.5


def shares(values: pd.Series[Any], edges: Floats) -> tuple[float, ...]:
    """Share of rows in each bin; what lies outside of the edges counts into the outer bins."""
    inner = np.clip(values.dropna().to_numpy(np.float64), edges[0], edges[-1])
    counts = np.histogram(inner, edges)[0] if len(edges) > 1 else np.array([len(inner)])
    return tuple((counts / max(len(inner), 1)).tolist())


def quality(
    rows: pd.DataFrame, ruler: ReferenceProfile
) -> tuple[dict[str, float], dict[str, float]]:
    """Shares of missing values, and of values outside of what the reference had."""
    missing = {str(name): float(share) for name, share in rows.isna().mean().items() if share > 0}
    values = rows[list(ruler.columns)].to_numpy(np.float64)
    beyond = ((values < ruler.low) | (values > ruler.high)).mean(axis=0)
    pairs = zip(ruler.columns, beyond.tolist(), strict=True)
    return missing, {name: share for name, share in pairs if share > 0}


def calibration(score: Floats, label: Floats) -> tuple[float, float]:
    """Brier score, and expected calibration error over ten bins of equal count."""
    return float(np.square(score - label).mean()), calibration_error(score, label)


def relations(rows: pd.DataFrame, ruler: ReferenceProfile) -> dict[str, Relation]:
    """For each feature, how what came true leans to its high values, against what was expected."""
    values = ruler.ranks(rows[list(ruler.columns)].to_numpy(np.float64))
    label = rows[LABEL].to_numpy(np.float64)
    expected = np.asarray(ruler.expected.predict(rows[SCORE]), np.float64)
    true, told = label @ values, expected @ values
    square = np.square(label - expected) @ np.square(values)
    return {
        name: Relation(float(true[i]), float(told[i]), float(square[i]))
        for i, name in enumerate(ruler.columns)
    }


def design_effects(rows: pd.DataFrame, ruler: ReferenceProfile) -> dict[str, float]:
    """By what factor sums over days vary more than independent rows would, for each feature.

    A subscriber's days resemble each other, so many days of the same people say less than as many
    rows of different ones. The empty name stands for the plain count of positives.
    """
    ranks = ruler.ranks(rows[list(ruler.columns)].to_numpy(np.float64))
    noise = (rows[LABEL] - ruler.expected.predict(rows[SCORE])).to_numpy(np.float64)
    terms = noise[:, None] * np.column_stack([np.ones(len(rows)), ranks])
    sums = pd.DataFrame(terms).groupby(rows["User"].to_numpy()).sum().to_numpy()
    own = np.square(terms).sum(axis=0)
    effects = np.divide(np.square(sums).sum(axis=0), own, out=np.ones_like(own), where=own > 0)
    return dict(zip(("", *ruler.columns), np.maximum(effects, 1.0).tolist(), strict=True))
