"""Thresholds of features, and values as the number of thresholds below them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from lakehouse.errors import ModelError
from lakehouse.models.forest import Floats
from pyspark_jobs.training.bins import LEVELS, binned, find_cuts
from pyspark_jobs.training.forests import Shape, classifier


def cuts_of(*values: float) -> list[float]:
    return [float(cut) for cut in find_cuts(column(*values))[0]]


def column(*values: float) -> Floats:
    return np.array(values)[:, None]


@pytest.mark.parametrize(
    ("values", "cuts"),
    [
        pytest.param((3.0, 1.0, 1.0, 7.0), [2.0, 5.0], id="between all values where they are few"),
        pytest.param((4.0, 4.0), [], id="none where there is one value"),
        pytest.param((0.0, np.nan, 2.0, np.inf, -np.inf), [1.0], id="of finite values"),
        pytest.param((-1.5e308, 1.7e308), [1e307], id="even where a sum would overflow"),
    ],
)
def test_cuts_lie(values: tuple[float, ...], cuts: list[float]) -> None:
    assert cuts_of(*values) == pytest.approx(cuts)


def test_many_values_are_cut_into_equal_shares() -> None:
    rows = np.random.default_rng(1).normal(size=(32_000, 1))
    shares = np.bincount(binned(rows, find_cuts(rows))[:, 0]) / len(rows)
    assert len(shares) == LEVELS
    assert shares == pytest.approx(1 / LEVELS, abs=1e-3)


def test_a_feature_that_is_mostly_zero_keeps_its_other_values_apart() -> None:
    rows = np.concatenate([np.zeros(9_000), np.random.default_rng(1).random(1_000)])[:, None]
    shares = np.bincount(binned(rows, find_cuts(rows))[:, 0]) / len(rows)
    assert len(shares) > LEVELS / 2
    assert shares[1:].max() < 0.02


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=200),
    asked=st.floats(allow_nan=False, width=64),
)
def test_a_bin_says_exactly_which_thresholds_a_value_is_above(
    values: list[float], asked: float
) -> None:
    cuts = find_cuts(column(*values))
    got = int(binned(column(asked), cuts)[0, 0])
    assert [asked <= cut for cut in cuts[0]] == [got <= k for k in range(len(cuts[0]))]
    assert cuts[0].tolist() == sorted(set(cuts[0].tolist()))


def test_a_missing_value_is_in_the_last_bin() -> None:
    cuts = find_cuts(column(1.0, 2.0, 3.0))
    assert binned(column(np.nan, 0.0, 9.0), cuts).ravel().tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("told", "meant"),
    [("sqrt", "sqrt"), ("all", None), ("onethird", 1 / 3), ("0.25", 0.25), ("7", 7)],
)
def test_features_per_split_are_handed_on(told: str, meant: object) -> None:
    assert classifier(Shape(1, 1, told, 1), seed=1).max_features == meant


def test_features_per_split_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ModelError, match=r"features_per_split.*one of sqrt.*got 'most'"):
        classifier(Shape(1, 1, "most", 1), seed=1)


def test_parts_of_a_forest_are_the_trees_of_the_whole_one() -> None:
    rng = np.random.default_rng(1)
    rows, label = rng.normal(size=(400, 6)), rng.integers(0, 2, 400)
    shape = Shape(trees=7, depth=4, features_per_split="sqrt", min_instances=2)
    whole = RandomForestClassifier(
        7, max_depth=4, min_samples_leaf=2, class_weight="balanced", random_state=5
    ).fit(rows, label)
    parts = [classifier(shape, 5, *part).fit(rows, label) for part in ((0, 3), (3, 4), (4, 7))]
    trees = [each.tree_ for part in parts for each in part.estimators_]
    for ours, theirs in zip(trees, whole.estimators_, strict=True):
        assert np.array_equal(ours.threshold, theirs.tree_.threshold)
        assert np.array_equal(ours.value, theirs.tree_.value)
