from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from pyspark.ml.functions import vector_to_array
from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from lakehouse.models import kernel
from pyspark_jobs.training import forests
from pyspark_jobs.training.forests import Shape
from tests.spark.model_site import (
    FEATURES,
    telling,
)


def test_probabilities_equal_those_of_mllib_on_100_000_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    data = telling(seed=3)
    table = pl.DataFrame(data.rows, schema=list(FEATURES)).with_columns(
        label=pl.Series(data.label.astype(float)), weight=pl.lit(1.0)
    )
    fitted = forests.fit_forest(
        spark.createDataFrame(table.to_arrow()), FEATURES, Shape(20, 8, "sqrt", 2), seed=1
    )
    forest = forests.flatten(spark, fitted, str(tmp_path / "scratch"))
    rows = np.random.default_rng(9).normal(size=(100_000, len(FEATURES)))
    on_a_threshold = forest.threshold[np.random.default_rng(2).integers(0, forest.nodes, 50_000)]
    rows[:50_000, 0] = on_a_threshold
    ours = kernel.votes(kernel.pack(forest, len(FEATURES)), rows) / forest.trees
    asked = spark.createDataFrame(pl.DataFrame(rows, schema=list(FEATURES)).to_arrow())
    asked = asked.withColumn("row", f.monotonically_increasing_id())
    theirs = fitted.transform(asked).select(
        "row", vector_to_array(f.col("probability"))[1].alias("p")
    )
    ordered = pl.DataFrame(theirs.toArrow()).sort("row")["p"].to_numpy()
    assert np.abs(ours - ordered).max() <= 1e-6
    assert not list((tmp_path / "scratch").iterdir())
