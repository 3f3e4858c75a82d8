from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lakehouse.errors import ModelError
from lakehouse.models import linear, scoring
from lakehouse.models.linear import LinearModel, LinearScorer

GOOD: dict[str, Any] = {
    "features": ["amount", "hour"], "coefficients": [1.5, -0.5], "intercept": -2.0,
    "mean": [10.0, 12.0], "scale": [4.0, 6.0], "threshold": 0.3,
}  # fmt: skip


def model(**changes: Any) -> LinearModel:
    return linear.decode(json.dumps(GOOD | changes).encode())


def test_the_file_reads_back_as_the_same_model() -> None:
    assert linear.decode(linear.encode(model())) == model()


def test_probabilities_are_those_of_a_second_implementation() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(scale=5, size=(2_000, 2)) + 10
    label = (rows[:, 0] + rng.logistic(size=2_000) > 12).astype(int)
    scaler = StandardScaler().fit(rows)
    fitted = LogisticRegression().fit(scaler.transform(rows), label)
    ours = LinearScorer(
        LinearModel(
            features=("amount", "hour"), coefficients=tuple(fitted.coef_[0]),
            intercept=float(fitted.intercept_[0]), mean=tuple(scaler.mean_),
            scale=tuple(scaler.scale_), threshold=0.5,
        )
    ).score(rows)  # fmt: skip
    theirs = fitted.predict_proba(scaler.transform(rows))[:, 1]
    assert np.abs(ours.probability - theirs).max() < 1e-12
    assert np.array_equal(ours.prediction, fitted.predict(scaler.transform(rows)))


def test_contributions_and_the_intercept_add_up_to_the_log_odds() -> None:
    scorer = LinearScorer(model())
    rows = np.array([[14.0, 6.0], [np.nan, 12.0]])
    moved = scorer.contributions(rows)
    assert moved.tolist() == [[1.5, 0.5], [0.0, 0.0]]
    assert scorer.score(rows).raw.tolist() == [0.0, -2.0]


def test_reasons_name_the_features_that_moved_a_row_most() -> None:
    found = scoring.reason_columns(LinearScorer(model()), np.array([[14.0, 18.0]]))
    assert {name: column.to_list() for name, column in found.items()} == {
        "reason_1": ["amount"],
        "reason_1_raises": [True],
        "reason_2": ["hour"],
        "reason_2_raises": [False],
        "reason_3": [None],
        "reason_3_raises": [None],
    }


@pytest.mark.filterwarnings("error")
def test_no_value_is_too_large_to_score() -> None:
    rows = np.array([[1e300, 0.0], [-1e300, 0.0]])
    assert LinearScorer(model()).score(rows).probability.tolist() == [1.0, 0.0]


CHANGES: list[dict[str, Any]] = [
    {"threshold": 1.5}, {"threshold": -0.1}, {"threshold": float("nan")},
    {"intercept": float("inf")}, {"coefficients": [1.0]},
    {"coefficients": [1.0, float("nan")]},
    {"scale": [0.0, 1.0]}, {"scale": [-1.0, 1.0]}, {"mean": []}, {"features": []},
    {"features": ["amount", "amount"]}, {"features": [1, 2]}, {"intercept": "0"},
    {"code": "__import__('os')"}, {"coefficients": [10**400, 1]},
]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"not json", b"\x80\x04cos\nsystem\n.", b"[" * 100_000, b"\xff\xfe",
        b" " * (linear.MAX_BYTES + 1), json.dumps([GOOD]).encode(),
        *(json.dumps(GOOD | changes).encode() for changes in CHANGES),
    ],
    ids=lambda data: data[:60].decode("latin-1").replace("\x00", ""),
)  # fmt: skip
def test_any_other_file_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError):
        linear.decode(data)


def test_a_model_that_could_not_be_read_back_is_not_written() -> None:
    with pytest.raises(ModelError, match="threshold of 2"):
        linear.encode(LinearModel(**{**GOOD, "threshold": 2.0}))
