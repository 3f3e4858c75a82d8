"""Training: MLlib's forest beside scikit-learn's, on the same rows and the same cores."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from sklearn.ensemble import RandomForestClassifier

from bench import forest_data
from bench.forest_data import Table
from bench.measure import ROUNDS, Figure, Measurement, Size, compare, seconds
from bench.stand import Stand
from pyspark_jobs.training import forests
from pyspark_jobs.training.forests import Shape

FEATURES, CORES = 24, 2
SHAPES = {"small": Shape(5, 4, "sqrt", 30), "full": Shape(100, 10, "sqrt", 30)}
ROWS = {"small": 2_000, "full": 200_000}


def run(size: Size, stand: Stand) -> list[Measurement]:
    """The one figure."""
    return [_race(stand.session("3g"), size)]


def _race(spark: SparkSession, size: Size) -> Measurement:
    table = forest_data.draw(ROWS[size], FEATURES, seed=1)
    rows = _persisted(spark, table)
    shape = SHAPES[size]
    data = f"{ROWS[size]:,} rows x {FEATURES} features, {shape.trees} trees of depth {shape.depth}"
    return compare(
        Figure("train_vs_sklearn", "s", False, data, _what_matters(spark, size)),
        f"scikit-learn fit, {CORES} jobs",
        partial(seconds, lambda: forests.fit_forest(rows, table.names, shape, seed=1)),
        partial(_fit_sklearn, table, shape),
        ROUNDS[size],
    )


def _what_matters(spark: SparkSession, size: Size) -> str:
    """Seconds of smaller fits, each with one of MLlib's settings put back to its default."""
    table = forest_data.draw(ROWS[size] // 5, FEATURES, seed=2)
    shape = replace(SHAPES[size], trees=max(1, SHAPES[size].trees // 2))
    variants: dict[str, dict[str, Any]] = {
        "as trained here": {},
        "without the node ids of the rows cached": {"cacheNodeIds": False},
        "with MLlib's 256 MB for a level": {"maxMemoryInMB": 256},
    }
    rows = _persisted(spark, table)
    _fit(rows, table, shape, {})  # pays for the compilation
    taken = {name: _fit(rows, table, shape, changed) for name, changed in variants.items()}
    rows.unpersist()
    taken["with rows that are not kept in memory"] = _fit(rows, table, shape, {})
    said = ", ".join(f"{took:.1f} s {name}" for name, took in taken.items())
    return (
        f"fit alone, rows in memory on both sides; {len(table.label):,} rows and {shape.trees} "
        f"trees take {said}"
    )


def _fit(rows: DataFrame, table: Table, shape: Shape, changed: dict[str, Any]) -> float:
    forest = forests.classifier(shape, seed=1).setParams(**changed)
    stages = forests.pipeline(table.names, forest)
    return seconds(lambda: stages.fit(rows))


def _persisted(spark: SparkSession, table: Table) -> DataFrame:
    rows = spark.createDataFrame(table.frame.to_arrow()).repartition(CORES).persist()
    rows.count()
    return rows


def _fit_sklearn(table: Table, shape: Shape) -> float:
    forest = RandomForestClassifier(
        shape.trees,
        max_depth=shape.depth,
        min_samples_leaf=shape.min_instances,
        n_jobs=CORES,
        random_state=1,
    )
    return seconds(lambda: forest.fit(table.rows, table.label))
