"""Chunks computed one by one are what NannyML says of everything at once."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from monitoring.analysis import engine
from monitoring.analysis.engine import CHUNK, NannyEngine, Statistics
from monitoring.analysis.nanny import nml
from monitoring.analysis.values import LABEL, METRICS, PREDICTION, SCORE
from tests.integration.monitoring_data import ANALYSIS_START, FEATURES, model, reference, rows

EXACT = 1e-9
DAYS = 8


def frame(scored: pl.DataFrame) -> Any:
    keys = pl.col("Date").cast(pl.String).alias(CHUNK)
    ordered = scored.sort("Date", "User").with_columns(keys, pl.col(LABEL).cast(pl.Float64))
    return ordered.to_pandas()


@pytest.fixture(scope="module")
def fitted() -> NannyEngine:
    made = NannyEngine(FEATURES, model().costs)
    made.fit(frame(reference()))
    return made


@pytest.fixture(scope="module")
def analysis() -> pl.DataFrame:
    return rows(ANALYSIS_START, DAYS)


def values(statistics: Statistics) -> dict[str, float]:
    found = {f"realised {name}": figure.value for name, figure in statistics.realised.items()}
    found |= {f"estimated {name}": figure.value for name, figure in statistics.estimated.items()}
    for column, distances in statistics.drift.items():
        found |= {f"{column} {method}": value for method, value in distances.items()}
    return found | {"reconstruction": statistics.reconstruction.value}


def everything_at_once(before: Any, after: Any) -> list[dict[str, float]]:
    common: dict[str, Any] = {"timestamp_column_name": "Date", "chunk_period": "D"}
    judged = {"y_true": LABEL, "y_pred": PREDICTION, "y_pred_proba": SCORE,
              "problem_type": "classification_binary",
              "metrics": ["roc_auc", "f1", "accuracy", "average_precision"]}  # fmt: skip
    realised = nml.PerformanceCalculator(**judged, **common).fit(before).calculate(after)
    estimated = nml.CBPE(**judged, **common).fit(before).estimate(after)
    drift = nml.UnivariateDriftCalculator(
        column_names=[*FEATURES, SCORE], continuous_methods=list(engine.CONTINUOUS), **common
    )
    moved = nml.DataReconstructionDriftCalculator(column_names=list(FEATURES), **common)
    results = [
        realised,
        estimated,
        drift.fit(before).calculate(after),
        moved.fit(before).calculate(after),
    ]
    tables = [result.filter(period="analysis").to_df() for result in results]
    found = []
    for place in range(len(tables[0])):
        row = {f"realised {m}": tables[0][m, "value"][place] for m in judged["metrics"]}
        row |= {f"estimated {m}": tables[1][m, "value"][place] for m in judged["metrics"]}
        for column in (*FEATURES, SCORE):
            for method in engine.CONTINUOUS:
                row[f"{column} {method}"] = tables[2][column, method, "value"][place]
        found.append(row | {"reconstruction": tables[3]["reconstruction_error", "value"][place]})
    return found


def test_chunk_by_chunk_equals_nannyml_over_everything(
    fitted: NannyEngine, analysis: pl.DataFrame
) -> None:
    expected = everything_at_once(frame(reference()), frame(analysis))
    for day, wanted in zip(analysis.partition_by("Date"), expected, strict=True):
        (found,) = fitted.calculate(frame(day))
        for name, value in wanted.items():
            assert values(found)[name] == pytest.approx(value, abs=EXACT), (found.key, name)


def test_chunks_together_equal_chunks_apart(fitted: NannyEngine, analysis: pl.DataFrame) -> None:
    together = [values(found) for found in fitted.calculate(frame(analysis))]
    apart = [values(fitted.calculate(frame(day))[0]) for day in analysis.partition_by("Date")]
    assert together == apart


def test_unknown_labels_leave_only_the_estimate(
    fitted: NannyEngine, analysis: pl.DataFrame
) -> None:
    unknown = analysis.with_columns(pl.lit(None, pl.Float64).alias(LABEL))
    for found in fitted.calculate(frame(unknown)):
        assert found.realised == {}
        assert set(found.estimated) == set(METRICS)


def test_the_stated_costs_make_the_value_of_a_prediction(fitted: NannyEngine) -> None:
    day = rows(ANALYSIS_START, 1)
    (found,) = fitted.calculate(frame(day))
    missed = day.filter((pl.col(LABEL) == 1) & (pl.col(PREDICTION) == 0)).height
    bothered = day.filter((pl.col(LABEL) == 0) & (pl.col(PREDICTION) == 1)).height
    expected = -(100 * missed + 10 * bothered) / day.height
    assert found.realised["business_value"].value == pytest.approx(expected)
