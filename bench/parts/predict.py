"""`predict` in SQL beside a pandas UDF of the same scorer, MLlib, and UDFs that score nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import RandomForestClassifier
from pyspark.ml.feature import OneHotEncoder, StringIndexer, VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.functions import arrow_udf, pandas_udf

from bench import bot_detector
from bench.measure import ROUNDS, Figure, Measurement, Size, compare, seconds
from bench.stand import Stand, scratch
from lakehouse.clock import SystemClock
from lakehouse.domains.clicks import names
from lakehouse.domains.clicks.contracts import COUNTRIES, FEATURES, PLATFORMS, VIEWS
from pyspark_jobs.clicks import lessons as lessons_of
from pyspark_jobs.clicks.lessons import Lessons
from pyspark_jobs.clicks.train import SHAPE
from pyspark_jobs.sql import predict
from pyspark_jobs.sql.live_models import RegistryPlace, models_of

ROWS = {"small": 10_000, "full": 1_000_000}
USERS = {"small": 200, "full": 600}
NUMBERS = (*VIEWS, "nb_orders")
ARRAYS = f"array(country, platform), array({', '.join(NUMBERS)})"
OURS = f"SELECT predict('{names.MODEL_NAME}', {ARRAYS}) AS bot FROM asked"
PANDAS = f"SELECT predict_pandas({ARRAYS}) AS bot FROM asked"
# What a call costs without a model: the arrays there and back, or there alone.
IDENTITY = f"SELECT arrays_back('{names.MODEL_NAME}', {ARRAYS}) AS bot FROM asked"
NOTHING = f"SELECT predict_nothing('{names.MODEL_NAME}', {ARRAYS}) AS bot FROM asked"
FILES = 4


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Both figures. Raises `AssertionError` where the pandas UDF gives another probability."""
    spark = stand.session("3g")
    with stand.site(broker=False) as settings, scratch() as folder:
        lessons = Lessons(SystemClock().now(), users=USERS[size], bot_share=0.2, minutes=60)
        bot_detector.promoted(spark, settings, lessons)
        _register(spark, RegistryPlace.of(settings))
        _asked(folder, ROWS[size])
        spark.read.parquet(str(folder)).createOrReplaceTempView("asked")
        _require_equal(spark)
        return _measured(spark, lessons, size)


def _measured(spark: SparkSession, lessons: Lessons, size: Size) -> list[Measurement]:
    rounds, shape = ROUNDS[size], f"{SHAPE.trees} trees of depth {SHAPE.depth}"
    data = f"{ROWS[size]:,} rows, {len(FEATURES)} features, {shape}"
    ours = partial(_time, spark, OURS)
    identity, nothing = (
        compare(
            Figure("predict_vs_pandas_udf", "s", False, data),
            "a UDF without a model", ours, partial(_time, spark, text), rounds,
        ).ratio
        for text in (IDENTITY, NOTHING)
    )  # fmt: skip
    note = (
        f"the same scorer on both sides; {identity:.2f} of a UDF that gives the arrays back, and "
        f"{nothing:.2f} of one that gives nothing back"
    )
    pandas = compare(
        Figure("predict_vs_pandas_udf", "s", False, data, note),
        "a pandas UDF", ours, partial(_time, spark, PANDAS), rounds,
    )  # fmt: skip
    fitted = _mllib(spark, lessons)
    asked = spark.table("asked")
    mllib = compare(
        Figure("predict_vs_mllib", "s", False, data, "its pipeline encodes the texts as well"),
        "MLlib transform", ours, lambda: seconds(lambda: _to_nothing(fitted.transform(asked))),
        rounds,
    )  # fmt: skip
    return [pandas, mllib]


def _asked(folder: Path, count: int) -> None:
    """Rows as windows have them, in files."""
    rng = np.random.default_rng(1)
    columns = {name: rng.poisson(5, count).astype(np.int32) for name in NUMBERS}
    rows = pl.DataFrame(
        {"country": rng.choice(COUNTRIES, count), "platform": rng.choice(PLATFORMS, count)}
        | columns
    )
    for number, part in enumerate(rows.iter_slices(-(-count // FILES))):
        part.write_parquet(folder / f"{number}.parquet")


def _register(spark: SparkSession, place: RegistryPlace) -> None:
    """Our function, the same with pandas, and two that have no model."""
    predict.register(spark, place)

    def with_pandas(texts: pd.Series, numbers: pd.Series) -> pd.DataFrame:
        model = models_of(place).get(names.MODEL_NAME)
        table = pd.DataFrame(np.array(texts.tolist()), columns=list(model.inputs.texts))
        encoded = pd.DataFrame(
            {
                name: (table[name.partition("=")[0]] == name.partition("=")[2]).astype(float)
                for name in model.inputs.features
                if "=" in name
            }
        )
        rows = np.hstack([encoded.to_numpy(), np.array(numbers.tolist(), np.float64)])
        scores = model.bundle.scorer.score(np.ascontiguousarray(rows))
        words = np.array(model.labels)[scores.prediction]
        return pd.DataFrame(
            {"prediction": words, "probability": scores.probability,
             "model_version": np.int32(model.number), "error": None}
        )  # fmt: skip

    def identity(_: pa.Array, texts: pa.Array, numbers: pa.Array) -> pa.Array:
        return pa.StructArray.from_arrays([texts, numbers], ["texts", "numbers"])

    def nothing(*columns: pa.Array) -> pa.Array:
        return pa.nulls(len(columns[0]), predict.ARROW)

    arrays = "struct<texts: array<string>, numbers: array<int>>"

    spark.udf.register("predict_pandas", pandas_udf(with_pandas, predict.RETURNS))  # type: ignore[call-overload]
    spark.udf.register("arrays_back", arrow_udf(identity, arrays))  # type: ignore[call-overload]
    spark.udf.register("predict_nothing", arrow_udf(nothing, predict.RETURNS))  # type: ignore[call-overload]


def _require_equal(spark: SparkSession) -> None:
    both = spark.sql(
        f"SELECT predict('{names.MODEL_NAME}', {ARRAYS}).probability AS ours, "
        f"predict_pandas({ARRAYS}).probability AS theirs FROM asked LIMIT 10000"
    )
    found = pl.DataFrame(both.toArrow())
    assert found["ours"].null_count() == 0
    assert found["ours"].to_list() == found["theirs"].to_list()


def _mllib(spark: SparkSession, lessons: Lessons) -> PipelineModel:
    """The usual pipeline: texts indexed and encoded, then a forest of the same size."""
    windows = lessons_of.windows(spark, lessons)
    texts = [
        pl.coalesce(
            pl.when(pl.col(name) == 1).then(pl.lit(name.partition("=")[2]))
            for name in FEATURES
            if name.startswith(f"{text}=")
        ).alias(text)
        for text in ("country", "platform")
    ]
    rows = spark.createDataFrame(windows.select(*texts, *NUMBERS, "label").to_arrow())
    stages: list[Any] = [
        StringIndexer(
            inputCols=["country", "platform"], outputCols=["c", "p"], handleInvalid="keep"
        ),
        OneHotEncoder(inputCols=["c", "p"], outputCols=["c1", "p1"]),
        VectorAssembler(inputCols=["c1", "p1", *NUMBERS], outputCol="features"),
        RandomForestClassifier(
            labelCol="label", numTrees=SHAPE.trees, maxDepth=SHAPE.depth, seed=1
        ),
    ]
    return Pipeline(stages=stages).fit(rows)


def _time(spark: SparkSession, text: str) -> float:
    return seconds(lambda: _to_nothing(spark.sql(text)))


def _to_nothing(rows: DataFrame) -> None:
    rows.write.format("noop").mode("overwrite").save()
