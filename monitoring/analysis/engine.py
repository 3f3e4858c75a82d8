"""The one interface in front of NannyML: fit on the reference, then calculate chunks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import pandas as pd

from lakehouse.models.manifest import Costs
from monitoring.analysis.nanny import Chunk, Chunker, nml
from monitoring.analysis.values import LABEL, METRICS, PREDICTION, SCORE, VALUE, Figure

Row = dict[Any, Any]

CHUNK = "chunk"
CONTINUOUS = ("jensen_shannon", "kolmogorov_smirnov")
CATEGORICAL = ("jensen_shannon", "l_infinity")


@dataclass(frozen=True)
class Statistics:
    """The engine's results for one chunk; a metric that cannot be computed is left out."""

    key: str
    realised: dict[str, Figure]
    estimated: dict[str, Figure]
    drift: dict[str, dict[str, float]]
    reconstruction: Figure


class Engine(Protocol):
    """Statistics of chunks compared with a reference that is given once."""

    def fit(self, reference: pd.DataFrame) -> list[Statistics]:
        """Learn the reference, and return the statistics of its own chunks.

        Frames have the features, `label`, `prediction`, the score and a column `chunk`; rows of a
        chunk are contiguous.
        """
        ...

    def calculate(self, rows: pd.DataFrame) -> list[Statistics]:
        """Statistics of the chunks of `rows`, in their order. Unknown labels are NaN."""
        ...


class KeyChunker(Chunker):  # type: ignore[misc]
    """Splits rows where the column `chunk` changes."""

    def _split(self, data: pd.DataFrame) -> list[Chunk]:
        keys = data[CHUNK]
        starts = [*keys.index[keys.ne(keys.shift())], len(data)]
        return [
            Chunk(key=str(keys.iloc[first]), data=data.iloc[first:last])
            for first, last in pairwise(starts)
        ]


class NannyEngine:
    """NannyML's calculators for a binary classifier with these features and costs."""

    def __init__(self, features: tuple[str, ...], costs: Costs) -> None:
        self._features = features
        common: dict[str, Any] = {"timestamp_column_name": CHUNK, "chunker": KeyChunker()}
        judged = {
            "y_true": LABEL,
            "y_pred": PREDICTION,
            "y_pred_proba": SCORE,
            "problem_type": "classification_binary",
            "metrics": list(METRICS),
            "business_value_matrix": [[0.0, -costs.false_positive], [-costs.false_negative, 0.0]],
            # NannyML's own "per_prediction" divides by the rows of each predicted class apart.
            "normalize_business_value": None,
        }
        self._performance = nml.PerformanceCalculator(**judged, **common)
        self._estimator = nml.CBPE(**judged, **common)
        self._univariate = nml.UnivariateDriftCalculator(
            column_names=[*features, SCORE],
            continuous_methods=list(CONTINUOUS),
            categorical_methods=list(CATEGORICAL),
            **common,
        )
        self._multivariate = nml.DataReconstructionDriftCalculator(
            column_names=list(features), **common
        )

    def fit(self, reference: pd.DataFrame) -> list[Statistics]:
        """Fit every calculator on `reference`, whose labels are all known.

        NannyML calculates the reference's own chunks along the way, so they cost nothing extra.
        """
        judged, features, columns = self._parts(reference)
        with _quiet():
            results = (
                self._performance.fit(judged).result,
                self._estimator.fit(judged).result,
                self._univariate.fit(columns).result,
                self._multivariate.fit(features).result,
            )
        return self._statistics(reference, [_table(one, "reference") for one in results])

    def calculate(self, rows: pd.DataFrame) -> list[Statistics]:
        """One entry per chunk of `rows`."""
        judged, features, columns = self._parts(rows)
        with _quiet():
            results = (
                self._performance.calculate(judged),
                self._estimator.estimate(judged),
                self._univariate.calculate(columns),
                self._multivariate.calculate(features),
            )
        return self._statistics(rows, [_table(one, "analysis") for one in results])

    def _parts(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Only the columns each calculator needs: NannyML copies whole frames for each metric."""
        features = rows[[CHUNK, *self._features]]
        return rows[[CHUNK, LABEL, PREDICTION, SCORE]], features, rows[[CHUNK, *self._columns]]

    def _statistics(self, rows: pd.DataFrame, tables: list[list[Row]]) -> list[Statistics]:
        counts = rows.groupby(CHUNK, sort=False)[LABEL].agg(["size", "count"])
        return [
            Statistics(
                key=str(performance["chunk", "key"]),
                realised=_per_row(dict(_figures(performance)), int(labelled)),
                estimated=_per_row(dict(_figures(estimate)), int(size)),
                drift={name: dict(_distances(distance, name)) for name in self._columns},
                reconstruction=_figure(multivariate, "reconstruction_error") or Figure(0.0, 0.0),
            )
            for performance, estimate, distance, multivariate, (size, labelled) in zip(
                *tables, counts.to_numpy(), strict=True
            )
        ]

    @property
    def _columns(self) -> tuple[str, ...]:
        return (*self._features, SCORE)


@contextmanager
def _quiet() -> Iterator[None]:
    """Small and single-class chunks are expected: they come back as NaN and are flagged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _table(result: Any, period: str) -> list[Row]:
    frame: pd.DataFrame = result.filter(period=period).to_df()
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]


def _figures(row: Row) -> Iterator[tuple[str, Figure]]:
    for metric in METRICS:
        figure = _figure(row, metric)
        if figure is not None:
            yield metric, figure


def _figure(row: Row, name: str) -> Figure | None:
    value = float(row[name, "value"])
    if math.isnan(value):
        return None
    error = float(row[name, "sampling_error"])
    low = row.get((name, "lower_confidence_boundary"))
    high = row.get((name, "upper_confidence_boundary"))
    return Figure(
        value,
        0.0 if math.isnan(error) else error,
        None if low is None else float(low),
        None if high is None else float(high),
    )


def _per_row(figures: dict[str, Figure], rows: int) -> dict[str, Figure]:
    """The metrics, with the total value of all rows converted to the value per row."""
    total = figures.get(VALUE)
    if total is None:
        return figures
    low, high = (None if end is None else end / rows for end in (total.low, total.high))
    return figures | {VALUE: Figure(total.value / rows, total.error / rows, low, high)}


def _distances(row: Row, column: str) -> Iterator[tuple[str, float]]:
    for method in dict.fromkeys((*CONTINUOUS, *CATEGORICAL)):
        value = row.get((column, method, "value"))
        if value is not None and not math.isnan(value):
            yield method, float(value)
