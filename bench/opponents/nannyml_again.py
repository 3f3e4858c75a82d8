"""NannyML as its manual shows it: every calculator fitted and run over all rows, each time anew."""

from __future__ import annotations

from typing import Any

import polars as pl

from lakehouse.models.manifest import Costs
from monitoring.analysis.engine import CONTINUOUS
from monitoring.analysis.nanny import nml
from monitoring.analysis.values import (
    LABEL,
    METRICS,
    PREDICTION,
    SCORE,
    VALUE,
    ChunkValues,
)

RECONSTRUCTION = "reconstruction"


def run(
    reference: pl.DataFrame, rows: pl.DataFrame, features: tuple[str, ...], costs: Costs
) -> list[dict[str, float]]:
    """Values of each day of `rows`, named as in `flat`."""
    before, after = (_pandas(frame) for frame in (reference, rows))
    common: dict[str, Any] = {"timestamp_column_name": "Date", "chunk_period": "D"}
    judged: dict[str, Any] = {
        "y_true": LABEL,
        "y_pred": PREDICTION,
        "y_pred_proba": SCORE,
        "problem_type": "classification_binary",
        "metrics": list(METRICS),
        "business_value_matrix": [[0.0, -costs.false_positive], [-costs.false_negative, 0.0]],
        "normalize_business_value": None,
    }
    drift = nml.UnivariateDriftCalculator(
        column_names=[*features, SCORE], continuous_methods=list(CONTINUOUS), **common
    )
    moved = nml.DataReconstructionDriftCalculator(column_names=list(features), **common)
    results = (
        nml.PerformanceCalculator(**judged, **common).fit(before).calculate(after),
        nml.CBPE(**judged, **common).fit(before).estimate(after),
        drift.fit(before).calculate(after),
        moved.fit(before).calculate(after),
    )
    tables = [result.filter(period="analysis").to_df() for result in results]
    return [_day(tables, place, features) for place in range(len(tables[0]))]


def flat(values: ChunkValues) -> dict[str, float]:
    """What we keep of a chunk, by name of the statistic."""
    found = {f"realised {name}": figure.value for name, figure in values.realised.items()}
    found |= {f"estimated {name}": figure.value for name, figure in values.estimated.items()}
    found[f"realised {VALUE}"] *= values.labelled
    found[f"estimated {VALUE}"] *= values.rows
    for column, distances in values.drift.items():
        found |= {f"{column} {method}": value for method, value in distances.items()}
    return found | {RECONSTRUCTION: values.reconstruction.value}


def _pandas(frame: pl.DataFrame) -> Any:
    return frame.with_columns(pl.col(LABEL).cast(pl.Float64)).to_pandas()


def _day(tables: list[Any], place: int, features: tuple[str, ...]) -> dict[str, float]:
    realised, estimated, drift, moved = tables
    found = {f"realised {name}": realised[name, "value"][place] for name in METRICS}
    found |= {f"estimated {name}": estimated[name, "value"][place] for name in METRICS}
    for column in (*features, SCORE):
        for method in CONTINUOUS:
            found[f"{column} {method}"] = drift[column, method, "value"][place]
    return found | {RECONSTRUCTION: moved["reconstruction_error", "value"][place]}
