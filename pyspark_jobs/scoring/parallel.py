"""Scoring on Spark's executors: Arrow batches in, Arrow batches out, one thread per slot."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import types as t

from lakehouse.domain import Scored
from lakehouse.models import scoring
from lakehouse.models.manifest import FOREST
from lakehouse.models.model_kinds import model_kind
from lakehouse.models.scoring import Scorer
from pyspark_jobs.delta import tables


def with_probability(
    rows: DataFrame, model: bytes, scored: Scored, kind: str = FOREST
) -> DataFrame:
    """Entity, time, prediction and score for rows of features, by a model file of that kind.

    For jobs that rank inside Spark and store no predictions; the numbers match the table of
    predictions, without reasons and features. Each Python worker reads the file once and keeps the
    scorer for its later batches.
    """
    features = _scorer(kind, model).features
    key, told = [scored.entity, scored.time], [scored.prediction, scored.score]
    fields = tables.schema(scored.table)

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            frame = pl.DataFrame(pa.Table.from_batches([batch]))
            scores = _scorer(kind, model).score(scoring.matrix(frame, features))
            found = [pa.array(scores.prediction), pa.array(scores.probability)]
            columns = [*(batch[name] for name in key), *found]
            yield pa.RecordBatch.from_arrays(columns, names=[*key, *told])

    schema = t.StructType([fields[name] for name in (*key, *told)])
    return rows.select(*key, *features).mapInArrow(score, schema)


@lru_cache(maxsize=2)
def _scorer(kind: str, model: bytes) -> Scorer:
    return model_kind(kind).load(model, {})
