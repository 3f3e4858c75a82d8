from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, base, checks, datasets, preprocessing

from lakehouse.models.forest import Floats
from lakehouse.models.half_space_trees import HalfSpaceTrees, TreeShape, fingerprint, limits

NAMES = ("V1", "V2", "V10", "Amount", "constant")


def stream(rows: int, seed: int, missing: float = 0.0) -> Floats:
    """Rows of five features; from the second one on, some values are missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, len(NAMES))) * [1, 5, 0.1, 100, 0]
    gone = rng.random(values.shape) < missing
    gone[0] = False
    values[gone] = np.nan
    return values


def as_records(rows: Floats) -> list[dict[str, float]]:
    return [
        {name: value for name, value in zip(NAMES, row, strict=True) if value == value}
        for row in rows.tolist()
    ]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    trees=st.integers(1, 6),
    height=st.integers(1, 6),
    window=st.integers(1, 40),
    missing=st.sampled_from([0.0, 0.05, 0.5]),
)
def test_scores_are_those_of_river_to_the_last_bit(
    seed: int, trees: int, height: int, window: int, missing: float
) -> None:
    rows = stream(120, seed % 1000, missing)
    theirs = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(trees, height, window, seed=seed)
    expected = []
    for record in as_records(rows):
        expected.append(theirs.score_one(record))
        theirs.learn_one(record)
    ours = HalfSpaceTrees.grow(NAMES, TreeShape(trees, height, window), seed)
    first, half = ours.score_and_learn(rows[:50])
    second, _ = half.score_and_learn(rows[50:])
    assert [*first.tolist(), *second.tolist()] == expected


def test_a_batch_gives_the_same_state_however_it_is_divided_and_ordered() -> None:
    rng = np.random.default_rng(3)
    trees = HalfSpaceTrees.grow(NAMES, TreeShape(window=100), 42)
    whole = trees
    parted = trees
    for number in range(5):
        batch = stream(int(rng.integers(30, 200)), number, 0.1)
        whole = whole.learn_batch(batch)
        parts = np.array_split(rng.permutation(batch), 6)
        for low, high in map(limits, parts):
            parted = parted.widened(low, high)
        counts = [parted.count_masses(part) for part in parts]
        masses = sum(counts[1:], counts[0])
        parted = parted.learn(masses, len(batch))
        assert fingerprint(parted) == fingerprint(whole)
    assert whole.rows == parted.rows and whole.window >= 100


def test_the_score_of_a_batch_is_that_of_the_state_before_it() -> None:
    rows = stream(600, 1)
    trees = HalfSpaceTrees.grow(NAMES, TreeShape(window=100), 42)
    assert trees.score(rows).tolist() == [0.0] * 600
    learned = trees.learn_batch(rows)
    before = fingerprint(learned)
    odd = rows[:1] * 50
    assert learned.score(odd)[0] > learned.score(rows).mean()
    learned.learn_batch(odd)
    assert fingerprint(learned) == before


def test_masses_of_a_batch_equal_those_of_river_where_limits_are_known() -> None:
    rows = stream(400, 5)
    trees = HalfSpaceTrees.grow(NAMES, TreeShape(4, 5, 1_000), 42).widened(*limits(rows))
    _, one_by_one = trees.score_and_learn(rows)
    assert fingerprint(trees.learn_batch(rows)) == fingerprint(one_by_one)


class Wrapped(base.AnomalyDetector):  # type: ignore[misc]
    """The kernel behind river's interface, one row at a time."""

    def __init__(
        self, n_trees: int = 10, height: int = 8, window_size: int = 250, seed: int | None = 42
    ) -> None:
        self.n_trees, self.height, self.window_size = n_trees, height, window_size
        self.seed = seed
        self._trees: HalfSpaceTrees | None = None

    def _row(self, x: dict[Any, float], trees: HalfSpaceTrees) -> Floats:
        return np.array([[x.get(name, np.nan) for name in trees.features]])

    def score_one(self, x: dict[Any, float]) -> float:
        if self._trees is None:
            return 0.0
        return float(self._trees.score(self._row(x, self._trees))[0])

    def learn_one(self, x: dict[Any, float]) -> None:
        if self._trees is None:
            shape = TreeShape(self.n_trees, self.height, self.window_size)
            self._trees = HalfSpaceTrees.grow(tuple(sorted(x)), shape, self.seed or 0)
        _, self._trees = self._trees.score_and_learn(self._row(x, self._trees))


class Cards:
    """Stands for river's card data, which it would download: ordinary rows and a few odd ones."""

    def take(self, rows: int) -> list[tuple[dict[str, float], bool]]:
        rng = np.random.default_rng(7)
        odd = rng.random(rows) < 0.02
        values = rng.normal(size=(rows, 8)) * np.where(odd, 6, 1)[:, None]
        return [
            ({f"V{i}": value for i, value in enumerate(row)}, bool(is_odd))
            for row, is_odd in zip(values.tolist(), odd, strict=True)
        ]


def test_rivers_own_checks_of_an_estimator_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "CreditCard", Cards)
    model = Wrapped()
    names = [check.__name__ for check in checks.yield_checks(model)]
    assert len(names) > 20
    # Building the list of checks above is what asserts that none is left out silently.
    checks.check_estimator(model)


def test_a_state_is_drawn_from_its_seed() -> None:
    prints = [fingerprint(HalfSpaceTrees.grow(NAMES, TreeShape(), seed)) for seed in (1, 2, 1)]
    assert prints[0] == prints[2] and prints[0] != prints[1]


def test_features_that_the_first_row_lacks_are_never_split_on() -> None:
    trees = HalfSpaceTrees.grow(NAMES, TreeShape(), 42, present=frozenset({"V2", "Amount"}))
    assert {NAMES[i] for i in np.unique(trees.feature)} == {"V2", "Amount"}


def test_thresholds_lie_inside_the_room_of_their_node() -> None:
    trees = HalfSpaceTrees.grow(("only",), TreeShape(trees=1, height=3), 42)
    at = trees.threshold[0]
    in_order = [at[i] for i in (3, 1, 4, 0, 5, 2, 6)]
    assert all(a < b for a, b in pairwise([0.0, *in_order, 1.0]))
