"""A forest grown in Spark's tasks, one share of its trees each, from rows in few distinct values.

The scorer's kernel compares a feature with at most 255 values, so each feature is first reduced to
that many by its quantiles. The trees then split between these values, and nothing is lost by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import SparkSession

from lakehouse.models import forest as flat
from lakehouse.models.forest import LEAF, Floats, Forest
from lakehouse.models.kernel import MAX_CUTS

Labels = npt.NDArray[np.int64]
_TREES = (
    "tree int, number long, feature long, threshold double, left long, right long, value double"
)


@dataclass(frozen=True)
class Recipe:
    """How a forest is grown. `positives` is how much more a positive weighs than a negative."""

    trees: int = 120
    depth: int = 14
    min_rows: int = 4
    seed: int = 42


def cuts(rows: Floats) -> list[Floats]:
    """The values at which each feature may be split: at most 254 of its quantiles."""
    shares = np.linspace(0, 1, MAX_CUTS)[1:-1]
    return [np.unique(np.quantile(column, shares, method="lower")) for column in rows.T]


def binned(rows: Floats, at: list[Floats]) -> npt.NDArray[np.float32]:
    """For each value the number of cuts below it: `x <= cut[k]` is `bin <= k`."""
    columns = [np.searchsorted(cut, column) for cut, column in zip(at, rows.T, strict=True)]
    return np.stack(columns, axis=1).astype(np.float32)


def grow(
    spark: SparkSession, rows: Floats, label: Labels, weight: Floats, recipe: Recipe
) -> Forest:
    """A forest on these rows, each tree grown in a task."""
    at = cuts(rows)
    shared = spark.sparkContext.broadcast((binned(rows, at), label, weight))
    seeds = np.random.default_rng(recipe.seed).integers(2**31, size=recipe.trees).tolist()

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch["id"].to_pylist():
                yield _tree(*shared.value, number, seeds[number], recipe)

    tasks = spark.sparkContext.defaultParallelism
    try:
        trees = spark.range(0, recipe.trees, 1, tasks).mapInArrow(work, _TREES).toArrow()
    finally:
        shared.destroy()
    return _assembled(trees.sort_by([("tree", "ascending"), ("number", "ascending")]), at)


def _tree(
    bins: npt.NDArray[np.float32], label: Labels, weight: Floats, number: int, seed: int,
    recipe: Recipe,
) -> pa.RecordBatch:  # fmt: skip
    from sklearn.tree import DecisionTreeClassifier

    drawn = np.random.default_rng(seed).multinomial(len(label), np.full(len(label), 1 / len(label)))
    fitted = DecisionTreeClassifier(
        max_depth=recipe.depth, min_samples_leaf=recipe.min_rows, max_features="sqrt",
        random_state=seed,
    ).fit(bins, label, sample_weight=weight * drawn)  # fmt: skip
    tree = fitted.tree_
    share = tree.value[:, 0, :]
    value = share[:, 1] / share.sum(axis=1) if share.shape[1] > 1 else np.zeros(tree.node_count)
    return pa.record_batch(
        {
            "tree": pa.array([number] * tree.node_count, pa.int32()),
            "number": np.arange(tree.node_count),
            "feature": tree.feature.astype(np.int64),
            "threshold": tree.threshold,
            "left": tree.children_left.astype(np.int64),
            "right": tree.children_right.astype(np.int64),
            "value": value,
        }
    )


def _assembled(trees: pa.Table, at: list[Floats]) -> Forest:
    tree, number, feature, left, right = (
        trees[name].to_numpy() for name in ("tree", "number", "feature", "left", "right")
    )
    roots = np.flatnonzero(number == 0)
    start = roots[tree]
    inner = left >= 0
    threshold = np.zeros(len(tree))
    for place in np.flatnonzero(inner):
        threshold[place] = at[feature[place]][int(trees["threshold"][place].as_py())]
    children = [np.where(inner, side + start, LEAF) for side in (left, right)]
    return flat.from_nodes(
        roots,
        np.where(inner, feature, 0),
        threshold,
        np.stack(children, axis=1),
        trees["value"].to_numpy(),
    ).with_questions()
