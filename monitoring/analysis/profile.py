"""A chunk's statistics besides NannyML's: quality, shapes, calibration.

Everything is a sum or a share over the chunk's rows, so chunks can be added up later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from lakehouse.metrics import calibration_error
from monitoring.analysis.values import ENTITY, LABEL, POSITIVES, SCORE, Association

Floats = npt.NDArray[np.float64]

BINS = 10
GRID = 1_001
# Histograms leave out this share at each end, so that outliers do not squeeze all the rest.
TAIL = 0.01
SHAPE_BINS, MAX_INTEGERS = 14, 24


@dataclass(frozen=True)
class ReferenceProfile:
    """The reference's numeric columns: bounds, bins and quantiles of each.

    `expected` maps a score to the probability that it stood for in the reference.
    """

    columns: tuple[str, ...]
    low: Floats
    high: Floats
    edges: dict[str, Floats]
    quantiles: Floats
    expected: IsotonicRegression

    @classmethod
    def of(cls, reference: pd.DataFrame, features: tuple[str, ...]) -> ReferenceProfile:
        """Measure the reference; non-numeric columns are left out."""
        numeric = tuple(n for n in features if pd.api.types.is_numeric_dtype(reference[n]))
        shares = np.linspace(0, 1, GRID)
        quantiles = np.empty((GRID, len(numeric)))
        for i, name in enumerate(numeric):
            quantiles[:, i] = np.nanquantile(reference[name].to_numpy(np.float64), shares)
        edges = {name: bin_edges(quantiles[:, i]) for i, name in enumerate(numeric)}
        scores = np.nanquantile(reference[SCORE].to_numpy(np.float64), shares)
        expected = IsotonicRegression(out_of_bounds="clip")
        expected.fit(reference[SCORE], reference[LABEL])
        return cls(numeric, quantiles[0], quantiles[-1], edges | {SCORE: bin_edges(scores)},
                   quantiles, expected)  # fmt: skip

    def ranks(self, rows: pd.DataFrame) -> Iterator[tuple[str, Floats]]:
        """The ranks of each column's values in the reference, from -0.5 to 0.5; missing ones 0.

        One column at a time, because all of them at once would be another copy of the rows.
        """
        for i, name in enumerate(self.columns):
            values = rows[name].to_numpy(np.float64)
            ranks = _rank(self.quantiles[:, i], values)
            ranks[np.isnan(values)] = 0.0
            yield name, ranks


def bin_edges(quantiles: Floats) -> Floats:
    """Edges of equally wide bins, from evenly spaced quantiles of a column.

    Bars over them are to scale. A few integers get a bin each; a constant has a single edge.

    >>> bin_edges(np.repeat([0.0, 1.0, 2.0], 100)).tolist()
    [-0.5, 0.5, 1.5, 2.5]
    """
    known = quantiles[~np.isnan(quantiles)]
    if not len(known):
        return known
    cut = int(TAIL * (len(known) - 1))
    low, high = known[cut], known[len(known) - 1 - cut]
    if low == high:
        low, high = known[0], known[-1]
    if low == high:
        return np.array([low])
    if high - low <= MAX_INTEGERS and not (known % 1).any():
        return np.arange(low - 0.5, high + 1)
    return np.linspace(low, high, SHAPE_BINS + 1)


def _rank(quantiles: Floats, values: Floats) -> Floats:
    """The middle of the positions that each value has among the quantiles."""
    first = np.searchsorted(quantiles, values, "left")
    last = first.copy()
    tied = quantiles[np.minimum(first, GRID - 1)] == values
    last[tied] = np.searchsorted(quantiles, values[tied], "right")
    return (first + last) / (2 * GRID) - 0.5


def shares(values: pd.Series[Any], edges: Floats) -> tuple[float, ...]:
    """Share of rows in each bin; values outside the edges count towards the outer bins."""
    inner = np.clip(values.dropna().to_numpy(np.float64), edges[0], edges[-1])
    counts = np.histogram(inner, edges)[0] if len(edges) > 1 else np.array([len(inner)])
    return tuple((counts / max(len(inner), 1)).tolist())


def quality(
    rows: pd.DataFrame, normal: ReferenceProfile
) -> tuple[dict[str, float], dict[str, float]]:
    """Shares of missing values, and of values outside the reference's range."""
    missing = {str(name): float(share) for name, share in rows.isna().mean().items() if share > 0}
    outside = {}
    for i, name in enumerate(normal.columns):
        values = rows[name].to_numpy(np.float64)
        beyond = (values < normal.low[i]) | (values > normal.high[i])
        outside[name] = float(beyond.mean())
    return missing, {name: share for name, share in outside.items() if share > 0}


def calibration(score: Floats, label: Floats) -> tuple[float, float]:
    """Brier score, and expected calibration error over ten bins of equal count."""
    return float(np.square(score - label).mean()), calibration_error(score, label)


def associations(rows: pd.DataFrame, normal: ReferenceProfile) -> dict[str, Association]:
    """For each feature, how labels lean towards its high values, observed and expected."""
    label = rows[LABEL].to_numpy(np.float64)
    expected = np.asarray(normal.expected.predict(rows[SCORE]), np.float64)
    squares = np.square(label - expected)
    return {
        name: Association(
            float(label @ ranks), float(expected @ ranks), float(squares @ np.square(ranks))
        )
        for name, ranks in normal.ranks(rows)
    }


def design_effects(rows: pd.DataFrame, normal: ReferenceProfile) -> dict[str, float]:
    """The factor by which sums vary more than those of independent rows, for each feature.

    Rows of one entity resemble each other, so many rows of the same entities tell less than as many
    rows of different ones. `POSITIVES` stands for the plain count of positives.
    """
    noise = (rows[LABEL] - normal.expected.predict(rows[SCORE])).to_numpy(np.float64)
    entity, _ = pd.factorize(rows[ENTITY])
    found = {POSITIVES: _design_effect(noise, entity)}
    for name, ranks in normal.ranks(rows):
        found[name] = _design_effect(noise * ranks, entity)
    return found


def _design_effect(terms: Floats, entity: npt.NDArray[np.intp]) -> float:
    sums, own = np.bincount(entity, terms), float(np.square(terms).sum())
    return max(float(np.square(sums).sum()) / own, 1.0) if own > 0 else 1.0
