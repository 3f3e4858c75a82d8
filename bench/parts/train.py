"""Training: MLlib's forest beside scikit-learn's, and how near to the oracle the model comes."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from pyspark.sql import SparkSession
from sklearn.ensemble import RandomForestClassifier

from bench import forest_data
from bench.forest_data import Table
from bench.measure import Figure, Measurement, Size, compare, seconds
from bench.model_quality import measure, page
from bench.spark import session
from lakehouse.settings import ROOT, Settings
from lakehouse.settings.model import ModelSettings, WorldSettings
from pyspark_jobs.cdr import forests
from pyspark_jobs.cdr.forests import Shape

PAGE = ROOT / "docs" / "model.md"
SEEDS = {"small": (1,), "full": (1, 2, 3, 4, 5)}
FEATURES, CORES = 24, 2
SHAPES = {"small": Shape(5, 4, "sqrt", 30), "full": Shape(100, 10, "sqrt", 30)}
ROWS = {"small": 2_000, "full": 200_000}
ROUNDS = {"small": 1, "full": 2}
INSTALLATIONS = {
    "small": Settings(
        world=WorldSettings(subscribers=300, history_days=100),
        model=ModelSettings(trees=(5,), depths=(4,), folds=2, min_churners=5, min_rows=50),
    ),
    "full": Settings(),
}


def run(size: Size) -> list[Measurement]:
    """The race; at full size the worlds' table goes to docs/model.md."""
    with tempfile.TemporaryDirectory() as folder, session(Path(folder), "3g") as spark:
        worlds = [measure(spark, seed, INSTALLATIONS[size]) for seed in SEEDS[size]]
        text = page(worlds)
        print(text)
        if size == "full":
            PAGE.write_text(text, encoding="utf-8")
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
