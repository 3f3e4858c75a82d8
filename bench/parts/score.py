"""Scoring: inside Spark beside MLlib, in process beside scikit-learn, and one row alone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
from pyspark.ml import PipelineModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from sklearn.ensemble import RandomForestClassifier

from bench import forest_data, scored_query
from bench.forest_data import Table
from bench.measure import ROUNDS, Figure, Measurement, Size, compare, hold, seconds
from bench.opponents import mllib_forest
from bench.stand import Stand, scratch
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.models import onnx_file
from lakehouse.models.calibration import VOTE_MIN, Calibration
from lakehouse.models.forest import Floats
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.forest_scorer import ForestScorer
from pyspark_jobs.scoring import parallel
from pyspark_jobs.training.forests import Shape

FEATURES, CORES = 24, 2
SHAPES = {"small": Shape(10, 6, "sqrt", 1), "full": Shape(100, 12, "sqrt", 1)}
TAUGHT = {"small": 2_000, "full": 30_000}
ROWS = {"small": 10_000, "full": 1_000_000}
ONE_BY_ONE = 10_000
ONE_ROW_US = 15.0
PARITY, PARITY_ROWS = 1e-6, 100_000
NOTE = (
    "probability and prediction on both sides; ours is `with_probability`, which ranks a table in "
    "Spark's tasks. What the scoring query does besides is in `score_rows_per_second`"
)
# Gives the mean vote as it is.
PLAIN = Calibration(1.0, 0.0)


def run(size: Size, stand: Stand) -> list[Measurement]:
    """All figures. Raises `AssertionError` where two ways give another probability."""
    taught = forest_data.draw(TAUGHT[size], FEATURES, seed=1)
    asked = forest_data.draw(ROWS[size], FEATURES, seed=2)
    with scratch() as folder:
        measured = _in_spark(stand.session("3g"), folder, taught, asked, size)
    in_process = _in_process(taught, asked.rows, size)
    return [*measured, *in_process, scored_query.rows_per_second(size, stand)]


def _in_spark(
    spark: SparkSession, folder: Path, taught: Table, asked: Table, size: Size
) -> list[Measurement]:
    rows = spark.createDataFrame(taught.frame.to_arrow())
    pipeline = mllib_forest.fit(rows, taught.names, SHAPES[size], seed=1)
    forest = mllib_forest.flatten(spark, pipeline, folder / "mllib")
    model = ForestModel(taught.names, forest, PLAIN, 0.5)
    rows = _as_gold(spark, folder, asked)
    _require_equal(rows.limit(PARITY_ROWS), pipeline, model)
    data = f"{rows.count():,} rows x {FEATURES} features, {_size(SHAPES[size])}"
    file = onnx_file.encode(model)
    against = compare(
        Figure("score_vs_mllib", "s", False, data, NOTE),
        "MLlib transform",
        partial(seconds, lambda: _to_nothing(parallel.with_probability(rows, file, CHURN))),
        partial(seconds, lambda: _to_nothing(pipeline.transform(rows))),
        ROUNDS[size],
    )
    return [against]


def _in_process(taught: Table, rows: Floats, size: Size) -> list[Measurement]:
    shape = SHAPES[size]
    fitted = RandomForestClassifier(
        shape.trees, max_depth=shape.depth, n_jobs=CORES, random_state=1
    ).fit(taught.rows, taught.label)
    scorer = ForestScorer(ForestModel(taught.names, forest_data.from_sklearn(fitted), PLAIN, 0.5))
    some = rows[:PARITY_ROWS]
    votes = scorer.score(some).raw / shape.trees
    assert np.abs(votes - fitted.predict_proba(some)[:, 1]).max() <= PARITY
    data = f"{len(rows):,} rows x {FEATURES} features, {_size(shape)}"
    with ThreadPoolExecutor(CORES) as threads:
        halves = np.array_split(rows, CORES)
        against = compare(
            Figure("score_vs_sklearn", "s", False, data, "the same trees on both sides"),
            f"scikit-learn predict_proba, {CORES} jobs",
            partial(seconds, lambda: list(threads.map(scorer.score, halves))),
            partial(seconds, lambda: fitted.predict_proba(rows)),
            ROUNDS[size],
        )
    one = hold(
        Figure("score_one_row_us", "us", False, f"p50 of {ONE_BY_ONE:,} rows, {_size(shape)}"),
        ONE_ROW_US,
        partial(_one_by_one, scorer, rows[:ONE_BY_ONE]),
        ROUNDS[size],
    )
    return [against, one]


def _one_by_one(scorer: ForestScorer, rows: Floats) -> float:
    """Median of microseconds that a row takes alone."""
    taken = []
    for row in rows:
        start = time.perf_counter_ns()
        scorer.probability(row)
        taken.append(time.perf_counter_ns() - start)
    return median(taken) / 1e3


def _as_gold(spark: SparkSession, folder: Path, asked: Table) -> DataFrame:
    """The rows in files, as gold has them."""
    place = folder / "gold.parquet"
    place.mkdir()
    whole = asked.frame.drop("label", "weight").with_columns(
        pl.format("4917{}", pl.int_range(pl.len())).alias("User"),
        pl.lit(date(2026, 1, 1)).alias("Date"),
        pl.lit(datetime(2026, 1, 1, tzinfo=UTC)).alias("last_emitted_at"),
    )
    for number, part in enumerate(whole.iter_slices(-(-len(whole) // (2 * CORES)))):
        part.write_parquet(place / f"{number}.parquet")
    return spark.read.parquet(str(place))


def _to_nothing(rows: DataFrame) -> None:
    rows.write.format("noop").mode("overwrite").save()


def _require_equal(rows: DataFrame, pipeline: PipelineModel, model: ForestModel) -> None:
    mllib = pipeline.transform(rows).withColumn("p", vector_to_array(f.col("probability"))[1])
    theirs = pl.DataFrame(mllib.select("User", "p").toArrow())
    ours = pl.DataFrame(parallel.with_probability(rows, onnx_file.encode(model), CHURN).toArrow())
    both = ours.join(theirs, on="User")
    assert len(both) == len(theirs)
    vote = pl.col("p").clip(VOTE_MIN, 1 - VOTE_MIN)  # as calibration takes it
    apart = both.select((pl.col("probability_1") - vote).abs().max()).item()
    assert apart <= PARITY, apart


def _size(shape: Shape) -> str:
    return f"{shape.trees} trees of depth {shape.depth}"
