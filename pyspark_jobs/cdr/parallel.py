"""Scoring on Spark's executors: Arrow batches in, Arrow batches out, one thread for each slot."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import to_arrow_schema

from lakehouse.contracts import PREDICTIONS, Contract
from lakehouse.models import onnx_file, scoring
from lakehouse.models.scoring import Scorer
from pyspark_jobs.tables import schema

_BRIEF = ["User", "Date", "prediction", "probability_1"]
_PLAIN = pl.CompatLevel.oldest()
# What depends on the row and the model alone; who scored it and when is added by the caller.
_ADDED = ("label", "model_version", "run_id", "scored_at")
SCORED = Contract(
    "scored", tuple(field for field in PREDICTIONS.fields if field.name not in _ADDED), key=()
)


def with_scores(rows: DataFrame, model: bytes) -> DataFrame:
    """Rows of gold as rows of predictions, scored by a model file.

    Each Python worker reads the file once and keeps the scorer for its later batches.
    """
    features = onnx_file.decode(model).features
    target = schema(SCORED)
    wanted = rows.select("User", "Date", "last_emitted_at", *features)

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        arrow = to_arrow_schema(target, timezone="UTC")
        for batch in batches:
            frame = pl.DataFrame(pa.Table.from_batches([batch]))
            scored = _scorer(model).score_frame(frame).select(SCORED.names)
            yield from scored.to_arrow(compat_level=_PLAIN).cast(arrow).to_batches()

    return wanted.mapInArrow(score, target)


def with_probability(rows: DataFrame, model: bytes) -> DataFrame:
    """User, Date, `prediction` and `probability_1` of rows of gold, without the rest of a row.

    What a batch job needs that ranks and does not explain; the numbers are those of `with_scores`.
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
