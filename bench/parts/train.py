"""Training: the forest grown in Spark's tasks beside scikit-learn's, on the same rows and cores."""

from __future__ import annotations

from functools import partial

from pyspark.sql import SparkSession
from sklearn.ensemble import RandomForestClassifier

from bench import forest_data
from bench.forest_data import Table
from bench.measure import ROUNDS, Figure, Measurement, Size, compare, seconds
from bench.stand import Stand
from lakehouse.metrics import ScoredLabels
from lakehouse.models import kernel
from lakehouse.models.forest import Forest
from pyspark_jobs.training import train_rows
from pyspark_jobs.training.forests import Grower, Shape

FEATURES, CORES = 24, 2
SHAPES = {"small": Shape(5, 4, "sqrt", 30), "full": Shape(100, 10, "sqrt", 30)}
ROWS = {"small": 2_000, "full": 200_000}


def run(size: Size, stand: Stand) -> list[Measurement]:
    """The one figure."""
    return [_race(stand.session("3g"), size)]


def grown(spark: SparkSession, table: Table, shape: Shape) -> Forest:
    """From an array of rows to a forest, as a training does it: bins, broadcast, trees."""
    rows, everything = train_rows.from_arrays(table.rows, table.label)
    with Grower(spark, rows) as grower:
        return grower.grow(shape, everything, seed=1)


def _race(spark: SparkSession, size: Size) -> Measurement:
    shape = SHAPES[size]
    table = forest_data.draw(ROWS[size], FEATURES, seed=1, on_levels=False)
    data = f"{ROWS[size]:,} rows x {FEATURES} features, {shape.trees} trees of depth {shape.depth}"
    return compare(
        Figure("train_vs_sklearn", "s", False, data, _how_good(spark, table, size)),
        f"scikit-learn fit, {CORES} jobs",
        partial(seconds, lambda: grown(spark, table, shape)),
        partial(seconds, lambda: _sklearn(table, shape)),
        ROUNDS[size],
    )


def _how_good(spark: SparkSession, table: Table, size: Size) -> str:
    """ROC-AUC of both forests on rows that neither has seen."""
    unseen = forest_data.draw(ROWS[size], FEATURES, seed=2, on_levels=False)
    packed = kernel.pack(grown(spark, table, SHAPES[size]), FEATURES)
    theirs = _sklearn(table, SHAPES[size]).predict_proba(unseen.rows)[:, 1]
    ours, others = (
        ScoredLabels(score, unseen.label).roc_auc()
        for score in (kernel.votes(packed, unseen.rows), theirs)
    )
    return (
        "both from an array in memory to the forest; ours puts the values into bins first and "
        f"hands them to Spark's Python workers. ROC-AUC on unseen rows: {ours:.4f} ours, "
        f"{others:.4f} theirs"
    )


def _sklearn(table: Table, shape: Shape) -> RandomForestClassifier:
    forest = RandomForestClassifier(
        shape.trees,
        max_depth=shape.depth,
        min_samples_leaf=shape.min_instances,
        class_weight="balanced",
        n_jobs=CORES,
        random_state=1,
    )
    return forest.fit(table.rows, table.label)
