"""Scoring on Spark's executors: Arrow batches in, Arrow batches out, one thread for each slot."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame

from lakehouse.models import onnx_file, scoring
from lakehouse.models.scoring import Scorer

_BRIEF = ["User", "Date", "prediction", "probability_1"]


def with_probability(rows: DataFrame, model: bytes) -> DataFrame:
    """User, Date, `prediction` and `probability_1` of rows of gold, scored by a model file.

    For jobs that rank inside Spark and store no predictions: the numbers are those of the table of
    predictions, without reasons and features. Each Python worker reads the file once and keeps the
    scorer for its later batches.
    """
    features = onnx_file.decode(model).features
    wanted = rows.select("User", "Date", *features)

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            frame = pl.DataFrame(pa.Table.from_batches([batch]))
            scores = _scorer(model).score(scoring.matrix(frame, features))
            columns = [batch["User"], batch["Date"], scores.prediction, scores.probability]
            yield pa.RecordBatch.from_arrays([pa.array(c) for c in columns], names=_BRIEF)

    return wanted.mapInArrow(score, "User string, Date date, prediction int, probability_1 double")


@lru_cache(maxsize=2)
def _scorer(model: bytes) -> Scorer:
    return Scorer(onnx_file.decode(model))
