"""How far rows are from the linear structure of the reference, in slices of rows.

This is the measure of NannyML's `DataReconstructionDriftCalculator`: values are imputed with the
reference's means and standardized, projected on the principal components that explain 65 % of the
reference's variance, and compared with what they were. NannyML holds five copies of all rows for
it; here, memory depends on the size of a slice only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler

from monitoring.analysis.profile import Floats
from monitoring.analysis.values import Figure

SLICE_ROWS = 10_000
KEPT_VARIANCE = 0.65
# NannyML's confidence band, in standard errors.
BAND = 3.0


@dataclass(frozen=True)
class Reconstruction:
    """The reference's means, scales, and principal components (one in each column)."""

    features: tuple[str, ...]
    means: Floats
    scaler: StandardScaler
    components: Floats

    @classmethod
    def of(cls, reference: pd.DataFrame, features: tuple[str, ...]) -> Reconstruction:
        """Measure the reference, whose features are numbers or missing."""
        means = np.nan_to_num([reference[name].mean() for name in features])
        scaler = StandardScaler()
        for part in _slices(reference, features, means):
            scaler.partial_fit(part)
        covariance = np.zeros((len(features), len(features)))
        for part in _slices(reference, features, means):
            scaled = scaler.transform(part)
            covariance += scaled.T @ scaled
        variance, vectors = np.linalg.eigh(covariance)
        explained = np.cumsum(variance[::-1]) / max(variance.sum(), np.finfo(np.float64).tiny)
        kept = int(np.searchsorted(explained, KEPT_VARIANCE, side="right")) + 1
        return cls(features, means, scaler, vectors[:, ::-1][:, :kept])

    def error(self, rows: pd.DataFrame) -> Figure:
        """Mean distance of the rows from their reconstruction, with its standard error."""
        distances = np.concatenate(
            [self._distances(part) for part in _slices(rows, self.features, self.means)]
        )
        value, count = float(distances.mean()), len(distances)
        error = float(distances.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0
        return Figure(value, error, max(value - BAND * error, 0.0), value + BAND * error)

    def _distances(self, part: Floats) -> Floats:
        scaled = self.scaler.transform(part)
        rest: Floats = scaled - scaled @ self.components @ self.components.T
        distances: Floats = np.sqrt(np.square(rest).sum(axis=1))
        return distances


def _slices(rows: pd.DataFrame, features: tuple[str, ...], means: Floats) -> Iterator[Floats]:
    for first in range(0, len(rows), SLICE_ROWS):
        values = np.column_stack(
            [rows[name].iloc[first : first + SLICE_ROWS].to_numpy(np.float64) for name in features]
        )
        yield np.where(np.isnan(values), means, values)
