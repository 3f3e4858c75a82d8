from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.errors import ModelError
from lakehouse.models import kernel
from lakehouse.models.forest import LEAF, Floats, Forest, from_nodes

FEATURES = 3


def grown(seed: int, trees: int = 4, depth: int = 4) -> Forest:
    """Random trees over few thresholds, so that rows often lie exactly on one."""
    rng = np.random.default_rng(seed)
    feature: list[int] = []
    threshold: list[float] = []
    children: list[list[int]] = []
    value: list[float] = []

    def grow(level: int) -> int:
        number = len(feature)
        feature.append(int(rng.integers(FEATURES)))
        threshold.append(float(rng.integers(-3, 4)))
        children.append([LEAF, LEAF])
        value.append(float(rng.random()))
        if level == 0 or (level < depth and rng.random() > 0.3):
            children[number] = [grow(level + 1), grow(level + 1)]
        return number

    roots = [grow(0) for _ in range(trees)]
    return from_nodes(
        np.array(roots), np.array(feature), np.array(threshold), np.array(children), np.array(value)
    )


def walked(forest: Forest, row: Floats) -> float:
    """Sum of votes by the plainest walk there is."""
    total = 0.0
    for root in forest.roots:
        node = root
        while forest.left[node] != LEAF:
            goes_left = row[forest.feature[node]] <= forest.threshold[node]
            node = forest.left[node] + (0 if goes_left else 1)
        total += forest.value[node]
    return total


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 20))
def test_the_kernel_gives_the_votes_of_a_plain_walk(seed: int, rows: int) -> None:
    forest = grown(seed)
    table = np.random.default_rng(seed).integers(-4, 5, (rows, FEATURES)).astype(float)
    votes = kernel.votes(kernel.pack(forest, FEATURES), table)
    assert votes == pytest.approx([walked(forest, row) for row in table], abs=1e-12)


@pytest.mark.parametrize("trees", [1, 7, 8, 19])
def test_a_row_alone_has_the_bits_that_it_has_among_many(trees: int) -> None:
    packed = kernel.pack(grown(2, trees), FEATURES)
    rows = np.random.default_rng(1).normal(scale=3, size=(64, FEATURES))
    assert [kernel.vote(packed, row) for row in rows] == kernel.votes(packed, rows).tolist()


def test_a_missing_value_goes_right_everywhere() -> None:
    forest = grown(1)
    rows = np.array([[np.nan, np.nan, np.nan], [np.inf, np.inf, np.inf]])
    votes = kernel.votes(kernel.pack(forest, FEATURES), rows)
    assert votes[0] == votes[1] == pytest.approx(walked(forest, rows[1]))


def test_contributions_and_the_roots_add_up_to_the_votes() -> None:
    forest = grown(2)
    packed = kernel.pack(forest, FEATURES)
    rows = np.random.default_rng(2).normal(size=(700, FEATURES))
    added = kernel.contributions(packed, rows).sum(axis=1) + forest.value[forest.roots].sum()
    assert added == pytest.approx(kernel.votes(packed, rows), abs=1e-12)


def test_a_feature_that_no_tree_asks_for_contributes_nothing() -> None:
    forest = grown(3)
    silent = Forest(
        forest.roots, np.zeros_like(forest.feature), forest.threshold, forest.left, forest.value
    )
    rows = np.random.default_rng(3).normal(size=(10, FEATURES))
    moved = kernel.contributions(kernel.pack(silent, FEATURES), rows)
    assert np.abs(moved[:, 0]).sum() > 0
    assert not moved[:, 1:].any()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_pruned_tree_answers_with_the_value_where_it_was_cut(depth: int) -> None:
    forest = grown(4)
    pruned = forest.pruned(trees=2, depth=depth)
    rows = np.random.default_rng(4).integers(-4, 5, (50, FEATURES)).astype(float)
    expected = []
    for row in rows:
        total = 0.0
        for root in forest.roots[:2]:
            node = root
            for _ in range(depth):
                if forest.left[node] == LEAF:
                    break
                goes_left = row[forest.feature[node]] <= forest.threshold[node]
                node = forest.left[node] + (0 if goes_left else 1)
            total += forest.value[node]
        expected.append(total)
    votes = kernel.votes(kernel.pack(pruned, FEATURES), rows)
    assert votes == pytest.approx(expected, abs=1e-12)
    assert (pruned.trees, pruned.depths.max()) == (2, depth)


def test_pruning_to_the_full_size_changes_nothing() -> None:
    forest = grown(5)
    same = forest.pruned(forest.trees, int(forest.depths.max()))
    assert np.array_equal(same.left, forest.left)
    assert np.array_equal(same.threshold, forest.threshold)


def test_a_lone_leaf_gets_a_question_with_one_answer() -> None:
    leaf = Forest(np.array([0]), np.array([0]), np.array([0.0]), np.array([LEAF]), np.array([0.3]))
    asked = leaf.with_questions()
    votes = kernel.votes(kernel.pack(asked, FEATURES), np.array([[-1.0, 0, 0], [1.0, 0, 0]]))
    assert votes.tolist() == [0.3, 0.3]
    assert asked.depths.tolist() == [1]


def test_nodes_that_form_a_circle_are_refused() -> None:
    circle = np.array([[1, 2], [0, 2], [LEAF, LEAF]])
    with pytest.raises(ModelError, match="linked twice"):
        from_nodes(np.array([0]), np.zeros(3, int), np.zeros(3), circle, np.zeros(3))


@pytest.mark.parametrize(
    ("forest", "features", "message"),
    [
        pytest.param(grown(6), 300, "at most 256 features", id="features"),
        pytest.param(
            Forest(
                np.arange(0, 900, 3),
                np.zeros(900, int),
                np.arange(900.0),
                np.where(np.arange(900) % 3 == 0, np.arange(900) + 1, LEAF),
                np.zeros(900),
            ),
            FEATURES,
            "at most 255 thresholds",
            id="thresholds",
        ),
    ],
)
def test_a_forest_too_large_for_the_packed_form_is_refused(
    forest: Forest, features: int, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        kernel.pack(forest, features)
