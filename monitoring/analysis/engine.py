"""The one interface in front of NannyML: fit on the reference, then calculate chunks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, cast

import pandas as pd

from lakehouse.models.manifest import Costs
from monitoring.analysis.nanny import Chunk, Chunker, nml
from monitoring.analysis.reconstruction import Reconstruction
from monitoring.analysis.values import LABEL, METRICS, PREDICTION, SCORE, VALUE, Figure

Row = dict[Any, Any]

CHUNK = "chunk"
# NannyML copies all columns that it is given together, several times.
COLUMNS_AT_ONCE = 8
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
        self._univariate = [
            nml.UnivariateDriftCalculator(
                column_names=some,
                continuous_methods=list(CONTINUOUS),
                categorical_methods=list(CATEGORICAL),
                **common,
            )
            for some in _groups([*features, SCORE])
        ]
        self._reconstruction: Reconstruction | None = None

    def fit(self, reference: pd.DataFrame) -> list[Statistics]:
        """Fit every calculator on `reference`, whose labels are all known.

        NannyML calculates the reference's own chunks along the way, so they cost nothing extra.
        """
        judged = reference[[CHUNK, LABEL, PREDICTION, SCORE]]
        with _quiet():
            performance = _table(self._performance.fit(judged).result, "reference")
            estimates = _table(self._estimator.fit(judged).result, "reference")
            distances = [
                _table(_released(one.fit(_part(reference, one)).result), "reference")
                for one in self._univariate
            ]
        self._reconstruction = Reconstruction.of(reference, self._features)
        return self._statistics(reference, performance, estimates, distances)

    def calculate(self, rows: pd.DataFrame) -> list[Statistics]:
        """One entry per chunk of `rows`."""
        judged = rows[[CHUNK, LABEL, PREDICTION, SCORE]]
        with _quiet():
            performance = _table(self._performance.calculate(judged), "analysis")
            estimates = _table(self._estimator.estimate(judged), "analysis")
            distances = [
                _table(_released(one.calculate(_part(rows, one))), "analysis")
                for one in self._univariate
            ]
        return self._statistics(rows, performance, estimates, distances)

    def _statistics(
        self,
        rows: pd.DataFrame,
        performance: list[Row],
        estimates: list[Row],
        distances: list[list[Row]],
    ) -> list[Statistics]:
        labels = rows.groupby(CHUNK, sort=False)[LABEL]
        counts = labels.agg(["size", "count"]).to_numpy()
        found, start = [], 0
        for place, (size, labelled) in enumerate(counts):
            moved = {key: value for table in distances for key, value in table[place].items()}
            found.append(
                Statistics(
                    key=str(performance[place]["chunk", "key"]),
                    realised=_per_row(dict(_figures(performance[place])), int(labelled)),
                    estimated=_per_row(dict(_figures(estimates[place])), int(size)),
                    drift={name: dict(_distances(moved, name)) for name in self._columns},
                    reconstruction=self._error(rows.iloc[start : start + size]),
                )
            )
            start += size
        return found

    def _error(self, rows: pd.DataFrame) -> Figure:
        # Set by `fit`, which comes before anything else.
        return cast(Reconstruction, self._reconstruction).error(rows)

    @property
    def _columns(self) -> tuple[str, ...]:
        return (*self._features, SCORE)


def _groups(names: list[str]) -> list[list[str]]:
    return [names[at : at + COLUMNS_AT_ONCE] for at in range(0, len(names), COLUMNS_AT_ONCE)]


def _part(rows: pd.DataFrame, calculator: Any) -> pd.DataFrame:
    """The columns that a calculator of distances needs."""
    return rows[[CHUNK, *calculator.column_names]]


def _released(result: Any) -> Any:
    """A result of distances without the rows, which NannyML keeps for plots and copies each time.

    It has no setting for that.
    """
    for name in ("reference_data", "analysis_data"):
        if getattr(result, name, None) is not None:
            # A copy, because a slice would keep the rows that it was taken from.
            setattr(result, name, getattr(result, name).head(0).copy())
    return result


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
