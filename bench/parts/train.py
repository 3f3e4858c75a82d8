"""Training: MLlib's forest beside scikit-learn's, on the same rows and the same cores."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from pyspark.sql import SparkSession
from sklearn.ensemble import RandomForestClassifier

from bench import forest_data
from bench.forest_data import Table
from bench.measure import Figure, Measurement, Size, compare, seconds
from bench.spark import session
from pyspark_jobs.cdr import forests
from pyspark_jobs.cdr.forests import Shape

FEATURES, CORES = 24, 2
SHAPES = {"small": Shape(5, 4, "sqrt", 30), "full": Shape(100, 10, "sqrt", 30)}
ROWS = {"small": 2_000, "full": 200_000}
ROUNDS = {"small": 1, "full": 2}


def run(size: Size) -> list[Measurement]:
    """The one figure."""
    with tempfile.TemporaryDirectory() as folder, session(Path(folder), "3g") as spark:
        return [_race(spark, size)]


def _race(spark: SparkSession, size: Size) -> Measurement:
    table = forest_data.draw(ROWS[size], FEATURES, seed=1)
    rows = spark.createDataFrame(table.frame.to_arrow()).repartition(CORES).persist()
    rows.count()
    shape = SHAPES[size]
    data = f"{ROWS[size]:,} rows x {FEATURES} features, {shape.trees} trees of depth {shape.depth}"
    return compare(
        Figure("train_vs_sklearn", "s", False, data, "fit alone, rows in memory on both sides"),
        f"scikit-learn fit, {CORES} jobs",
        partial(seconds, lambda: forests.fit_forest(rows, table.names, shape, seed=1)),
        partial(_fit_sklearn, table, shape),
        ROUNDS[size],
    )


def _fit_sklearn(table: Table, shape: Shape) -> float:
    forest = RandomForestClassifier(
        shape.trees,
        max_depth=shape.depth,
        min_samples_leaf=shape.min_instances,
        n_jobs=CORES,
        random_state=1,
    )
    return seconds(lambda: forest.fit(table.rows, table.label))
