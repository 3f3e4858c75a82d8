"""The normal range: limits learnt from the reference's chunks, corrected for multiple testing.

A limit is the reference's mean plus as many of its standard deviations as Student's t requires when
one false alarm in a hundred chunks is shared among all features. Differences below a floor do not
matter in practice, however significant they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

import msgspec

from monitoring.analysis.values import SCORE, VALUE, ChunkValues

ALPHA = 0.01
FLOORS = {"jensen_shannon": 0.10, "kolmogorov_smirnov": 0.08, "l_infinity": 0.05}
# The scores are a single column that reflects all of the features, so their floor is lower.
SCORE_FLOOR = 0.75
RECONSTRUCTION_FLOOR = 0.05
PERFORMANCE_DEVIATIONS = 3.0
MIN_CHUNKS = 3


class Limits(msgspec.Struct, frozen=True):
    """Upper limits of distances, lower limits of metrics.

    They apply to chunks of `usual_rows` rows. A smaller chunk varies more, so its limits are wider
    by `tolerance`.
    """

    usual_rows: float
    distances: dict[str, dict[str, float]]
    reconstruction: float
    performance: dict[str, float]

    def tolerance(self, rows: int) -> float:
        """Factor on limits of distances for a chunk of `rows` rows, 1 or more."""
        return float(max(1.0, self.usual_rows / max(rows, 1)) ** 0.5)

    def limit_ratio(self, column: str, distances: dict[str, float], rows: int) -> float:
        """A column's distance as a factor of its limit, by the method that gives the least.

        0 where a method has no value for this chunk or for the reference.
        """
        limits, tolerance = self.distances[column], self.tolerance(rows)
        if limits.keys() != distances.keys():
            return 0.0
        return min((distances[name] / (limits[name] * tolerance) for name in limits), default=0.0)


def learn(chunks: Sequence[ChunkValues], min_roc_auc: float) -> Limits:
    """Limits from the reference's own chunks; that of ROC-AUC is at least `min_roc_auc`."""
    columns = list(chunks[0].drift)
    share = ALPHA / max(len(columns), 1)
    # A chunk may lack a method's value, for example where all its rows are the same.
    methods = {
        column: dict.fromkeys(method for chunk in chunks for method in chunk.drift[column])
        for column in columns
    }
    distances = {
        column: {method: _distance(chunks, column, method, share) for method in methods[column]}
        for column in columns
    }
    errors = [chunk.reconstruction.value for chunk in chunks]
    performance = {name: _lower(chunks, name) for name in chunks[0].estimated if name != VALUE}
    if "roc_auc" in performance:
        performance["roc_auc"] = max(performance["roc_auc"], min_roc_auc)
    return Limits(
        usual_rows=fmean(chunk.rows for chunk in chunks),
        distances=distances,
        reconstruction=max(_upper(errors, ALPHA), fmean(errors) * (1 + RECONSTRUCTION_FLOOR)),
        performance=performance,
    )


def _distance(chunks: Sequence[ChunkValues], column: str, method: str, share: float) -> float:
    known = [c.drift[column][method] for c in chunks if method in c.drift[column]]
    floor = FLOORS[method] * (SCORE_FLOOR if column == SCORE else 1)
    return max(_upper(known, share), floor)


def _upper(values: Iterable[float], alpha: float) -> float:
    from scipy import stats

    known = list(values)
    if len(known) < MIN_CHUNKS:
        return max(known, default=0.0) * 2
    return fmean(known) + float(stats.t.ppf(1 - alpha, len(known) - 1)) * stdev(known)


def _lower(chunks: Sequence[ChunkValues], metric: str) -> float:
    figures = [chunk.realised[metric] for chunk in chunks if metric in chunk.realised]
    values = [figure.value for figure in figures]
    if not values:
        return 0.0
    scatter = stdev(values) if len(values) >= MIN_CHUNKS else 0.0
    error = fmean(figure.error for figure in figures)
    return fmean(values) - PERFORMANCE_DEVIATIONS * max(scatter, error)
