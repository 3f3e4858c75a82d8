"""Each estimate carries its own past error, and says when it cannot know."""

from __future__ import annotations

from math import pi, sqrt

import msgspec
import pytest

from bench.churn_world import DRIFT_FROM, day
from bench.estimate_quality import quality
from monitoring.analysis.estimates import caveat, past_errors
from monitoring.analysis.findings import Finding, FindingName
from monitoring.analysis.values import ChunkValues, Figure


def chunk(estimated: dict[str, float], realised: dict[str, float]) -> ChunkValues:
    return ChunkValues(
        key="2026-06-01", start="2026-06-01", end="2026-06-01", rows=100, labelled=100,
        positives=10, expected=10.0,
        realised={name: Figure(value, 0.01) for name, value in realised.items()},
        estimated={name: Figure(value, 0.01) for name, value in estimated.items()},
        drift={}, reconstruction=Figure(0.0, 0.0), missing={}, outside={}, distributions={},
        brier=None, calibration_error=None, associations={}, slices={},
    )  # fmt: skip


def found(*names: FindingName) -> list[Finding]:
    every: tuple[FindingName, ...] = ("data_drift", "model_drift", "model_degradation")
    return [
        Finding(name, "found" if name in names else "ok", "2026-06-03", (), ()) for name in every
    ]


def test_past_errors_are_those_of_chunks_whose_outcomes_came_in() -> None:
    chunks = [
        chunk({"roc_auc": 0.80, "f1": 0.5}, {"roc_auc": 0.82}),
        chunk({"roc_auc": 0.80, "f1": 0.5}, {"roc_auc": 0.76, "f1": 0.4}),
        chunk({"roc_auc": 0.80, "f1": 0.5}, {}),
    ]
    assert past_errors(chunks) == {"f1": pytest.approx(0.1), "roc_auc": pytest.approx(0.03)}
    assert past_errors(chunks[2:]) == {}


def test_where_the_concept_turned_the_estimate_cannot_know() -> None:
    told = caveat(found("model_drift", "data_drift"))
    assert told is not None
    assert "since 2026-06-03" in told
    assert "cannot know" in told
    moved = caveat(found("data_drift"))
    assert moved is not None
    assert "cannot know" not in moved
    assert caveat(found("model_degradation")) is None


def test_the_error_of_estimates_is_judged_beside_that_of_a_perfect_one() -> None:
    since = str(day(DRIFT_FROM))
    before = msgspec.structs.replace(chunk({"roc_auc": 0.1}, {"roc_auc": 0.9}), start="2026-01-01")
    drifted = [
        msgspec.structs.replace(chunk({"roc_auc": 0.8}, {"roc_auc": realised}), start=since)
        for realised in (0.78, 0.84)
    ]
    found = quality([[before, *drifted]])
    assert found.daily == pytest.approx(0.03)
    assert found.mean == pytest.approx(0.01)
    assert found.perfect == pytest.approx(0.01 * sqrt(2 / pi))
