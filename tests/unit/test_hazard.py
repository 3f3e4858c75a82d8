from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from lakehouse.errors import ModelError
from lakehouse.models import hazard
from lakehouse.models.hazard import HazardModel, HazardScorer
from lakehouse.models.model_kinds import HAZARD, model_kind

GOOD: dict[str, Any] = {
    "features": ["days", "recency", "first_day", "k"], "first_day": "first_day", "horizon": "k",
    "waited": "recency", "intercept": -2.0, "level": 0.1, "slope": -0.05, "longest": 90,
    "threshold": 0.5, "low": -0.2, "high": 0.3,
    "terms": [
        {"factors": [{"of": "days"}], "coefficient": 0.8, "mean": 2.0, "scale": 0.5},
        {"factors": [{"of": "@waited", "knot": 1.0}], "coefficient": -0.4},
        {"factors": [{"of": "days", "less": "recency"}, {"of": "@day"}], "coefficient": 0.1},
        {"factors": [{"of": "@weekday", "least": 5}], "coefficient": -1.5},
    ],
}  # fmt: skip
MONDAY = 16_986.0  # 2016-07-04


def model(**changes: Any) -> HazardModel:
    return hazard.decode(json.dumps(GOOD | changes).encode())


def by_hand(days: float, recency: float, k: int) -> float:
    """P(k) written out for the model above, from a Monday on."""
    survived = 1.0
    for day in range(1, k + 1):
        log_days, log_waited = math.log1p(days), math.log1p(recency + day)
        raw = -2.0 + 0.1 - 0.05 * math.log(day) + 0.8 * (log_days - 2.0) / 0.5
        raw -= 0.4 * max(log_waited - 1.0, 0.0)
        raw += 0.1 * (log_days - math.log1p(recency)) * math.log1p(day)
        raw -= 1.5 if (day - 1) % 7 >= 5 else 0.0
        survived *= 1 - 1 / (1 + math.exp(-raw))
    return 1 - survived


def test_the_file_reads_back_as_the_same_model_through_its_kind() -> None:
    data = hazard.encode(model())
    assert hazard.decode(data) == model()
    assert model_kind(HAZARD).load(data, {}).threshold == 0.5


@pytest.mark.parametrize("k", [1, 2, 6, 7, 30, 90])
def test_probabilities_are_those_worked_out_by_hand(k: int) -> None:
    rows = np.array([[9.0, 3.0, MONDAY, k], [1.0, 60.0, MONDAY, k]])
    found = HazardScorer(model()).score(rows).probability
    assert found.tolist() == pytest.approx([by_hand(9, 3, k), by_hand(1, 60, k)], abs=1e-12)


def test_the_weekday_is_that_of_the_first_day_and_no_clock_has_a_say() -> None:
    saturday = HazardScorer(model()).score(np.array([[9.0, 3.0, MONDAY + 5, 1.0]])).probability
    monday = HazardScorer(model()).score(np.array([[9.0, 3.0, MONDAY, 1.0]])).probability
    assert saturday[0] < monday[0] / 2


def test_the_probability_never_falls_as_k_grows_whatever_the_row() -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(-10, 1e6, size=(500, 4)) * 10 ** rng.uniform(-6, 6, size=(500, 1))
    rows[0] = [np.nan, np.inf, MONDAY, 1]
    curve = HazardScorer(model()).curve(rows, 90)
    assert (np.diff(curve, axis=1) >= 0).all()
    assert ((curve >= 0) & (curve <= 1)).all()


def test_a_row_alone_and_among_others_has_the_same_bits() -> None:
    rng = np.random.default_rng(1)
    rows = np.column_stack(
        [rng.uniform(0, 90, (300, 2)), np.full(300, MONDAY), rng.integers(1, 91, 300)]
    )
    scorer = HazardScorer(model())
    together = scorer.score(rows).probability
    assert [scorer.score(row[None]).probability[0] for row in rows] == together.tolist()


def test_the_interval_holds_the_probability_and_stays_between_0_and_1() -> None:
    scorer = HazardScorer(model())
    for probability in (0.0, 0.001, 0.4, 0.999, 1.0):
        low, high = scorer.interval(probability)
        assert 0 <= low <= probability <= high <= 1


def test_no_rows_have_no_scores() -> None:
    assert len(HazardScorer(model()).score(np.empty((0, 4))).probability) == 0


def term(**changes: Any) -> dict[str, Any]:
    return {"terms": [{"factors": [{"of": "days"}]} | changes]}


CHANGES: list[dict[str, Any]] = [
    {"features": []}, {"features": ["days", "days", "first_day", "k"]}, {"horizon": "first_day"},
    {"first_day": "start"}, {"horizon": "h"}, {"waited": "gone"}, {"terms": []}, {"longest": 0},
    {"longest": 100_000}, {"threshold": 1.5}, {"low": 0.5}, {"high": -0.5},
    {"intercept": float("nan")}, {"level": 10**400}, {"code": "import os"},
    term(factors=[]), term(factors=[{"of": "days"}] * 5), term(factors=[{"of": "__import__"}]),
    term(factors=[{"of": "days", "less": "gone"}]), term(factors=[{"of": "days", "power": 2}]),
    term(scale=0.0), term(scale=-1.0), term(coefficient=float("inf")),
    term(factors=[{"of": "days", "knot": float("inf")}]),
]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"\x80\x04cos\nsystem\n.", b"[" * 100_000, b"\xff\xfe",
        b" " * (hazard.MAX_BYTES + 1), json.dumps([GOOD]).encode(),
        *(json.dumps(GOOD | changes).encode() for changes in CHANGES),
    ],
    ids=lambda data: data[:40].decode("latin-1").replace("\x00", ""),
)  # fmt: skip
def test_any_other_file_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        hazard.decode(data)
