"""A forest grown in Spark's tasks is scikit-learn's own, and its scores are scikit-learn's too."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as f
from sklearn.ensemble import RandomForestClassifier

from lakehouse.domains.cdr.domain import CHURN
from lakehouse.models import kernel
from lakehouse.models.forest import LEAF, Forest
from pyspark_jobs.training import train_rows
from pyspark_jobs.training.bins import binned, find_cuts
from pyspark_jobs.training.forests import Grower, Shape
from pyspark_jobs.training.split import Days, Fold
from pyspark_jobs.training.train_rows import TrainRows
from tests.spark.model_site import FEATURES, Data, telling

SHAPE = Shape(trees=11, depth=6, features_per_split="sqrt", min_instances=3)
SEED = 42


@pytest.fixture(scope="module")
def data() -> Data:
    return telling(seed=3)


def fitted(rows: TrainRows, shape: Shape = SHAPE) -> RandomForestClassifier:
    """What one fit of scikit-learn makes of the same rows."""
    forest = RandomForestClassifier(
        shape.trees, max_depth=shape.depth, min_samples_leaf=shape.min_instances,
        class_weight="balanced", random_state=SEED,
    )  # fmt: skip
    return forest.fit(rows.bins.astype(np.float32), rows.label)


def test_a_forest_equals_one_fit_of_scikit_learn_to_the_bit(
    spark: SparkSession, data: Data
) -> None:
    rows, everything = train_rows.from_arrays(data.rows, data.label)
    with Grower(spark, rows) as grower:
        ours = grower.grow(SHAPE, everything, SEED)
    theirs = fitted(rows)
    for number, each in enumerate(theirs.estimators_):
        walk(ours, int(ours.roots[number]), each.tree_, 0, rows.cuts)


def walk(forest: Forest, ours: int, tree: object, theirs: int, cuts: tuple[object, ...]) -> None:
    """Both trees from this node down ask the same questions and give the same answers."""
    left: int = tree.children_left[theirs]  # type: ignore[attr-defined]
    assert forest.value[ours] == tree.value[theirs, 0, 1]  # type: ignore[attr-defined]
    assert (forest.left[ours] == LEAF) == (left == LEAF)
    if left == LEAF:
        return
    feature = int(tree.feature[theirs])  # type: ignore[attr-defined]
    cut = int(tree.threshold[theirs])  # type: ignore[attr-defined]
    assert forest.feature[ours] == feature
    assert forest.threshold[ours] == cuts[feature][cut]  # type: ignore[index]
    right: int = tree.children_right[theirs]  # type: ignore[attr-defined]
    walk(forest, int(forest.left[ours]), tree, left, cuts)
    walk(forest, int(forest.left[ours]) + 1, tree, right, cuts)


def test_probabilities_equal_those_of_scikit_learn_on_100_000_rows(
    spark: SparkSession, data: Data
) -> None:
    rows, everything = train_rows.from_arrays(data.rows, data.label)
    with Grower(spark, rows) as grower:
        forest = grower.grow(SHAPE, everything, SEED)
    asked = np.random.default_rng(9).normal(size=(100_000, len(FEATURES)))
    on_a_threshold = forest.threshold[np.random.default_rng(2).integers(0, forest.nodes, 50_000)]
    asked[:50_000, 0] = on_a_threshold
    asked[:100, 1], asked[100:200, 2], asked[200:300, 3] = np.nan, np.inf, -np.inf
    ours = kernel.votes(kernel.pack(forest, len(FEATURES)), asked) / forest.trees
    theirs = fitted(rows).predict_proba(binned(asked, rows.cuts).astype(np.float32))[:, 1]
    assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("trees", [1, 3, 8, 9])
def test_the_number_of_trees_may_be_less_than_that_of_tasks(
    spark: SparkSession, data: Data, trees: int
) -> None:
    rows, everything = train_rows.from_arrays(data.rows[:500], data.label[:500])
    with Grower(spark, rows) as grower:
        many = grower.grow(SHAPE, everything, SEED)
        few = grower.grow(Shape(trees, 6, "sqrt", 3), everything, SEED)
    cut = many.pruned(trees, 6)
    assert few.threshold.tolist() == cut.threshold.tolist()
    assert few.value.tolist() == cut.value.tolist()


def test_rows_are_the_same_however_spark_has_cut_them(spark: SparkSession, data: Data) -> None:
    users = [f"4917{user:08d}" for user in data.user]
    days = [date(2026, 1, 1) + timedelta(days=int(day)) for day in data.day]
    frame = pl.DataFrame(data.rows, schema=list(FEATURES)).with_columns(
        User=pl.Series(users), Date=pl.Series(days), label=pl.Series(data.label),
        group=pl.Series(data.user % 3),
    )  # fmt: skip
    table = spark.createDataFrame(frame.to_arrow())
    cuts = find_cuts(data.rows)
    one, many = (
        train_rows.collect(rows, FEATURES, cuts, CHURN)
        for rows in (table.coalesce(1), table.repartition(5, f.rand(seed=1)))
    )
    for name in ("bins", "label", "day", "group"):
        assert np.array_equal(getattr(one, name), getattr(many, name)), name
    ordered = frame.sort("User", "Date")
    assert np.array_equal(one.bins, binned(ordered.select(FEATURES).to_numpy(), cuts))
    first = Days(date(2026, 1, 3), date(2026, 1, 6))
    chosen = one.of(Fold(first, first, group=2))
    expected = ordered.filter(pl.col("Date").is_between(first.first, first.last))
    expected = expected.filter(pl.col("group") != 2)
    assert chosen.label.tolist() == expected["label"].to_list()
    assert one.class_counts().of(first, without_group=2) == (
        expected.filter(label=0).height, expected.filter(label=1).height,
    )  # fmt: skip
