"""Answers and truths, which arrive apart and in any order, merged by `event_id`.

Of several truths of an answer the newest `known_at` counts, whatever the order of arrival. Truth
that finds no answer stays in bronze, and is found there when the answer comes. The tables are the
state: the query itself keeps none, and a replayed batch changes nothing.
"""

from __future__ import annotations

from datetime import timedelta

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.domains.feedback import contracts, names
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import queries, readers

_TOLD = ("truth", "known_at")
_KEY = "event_id"
_ANSWER = tuple(name for name in contracts.PREDICTIONS.names if name not in (*_TOLD, _KEY))
# So far may the clock of whoever takes feedback be behind that of whoever answered.
_SKEW = timedelta(days=1)


def start(spark: SparkSession, settings: Settings, every_seconds: float | None) -> StreamingQuery:
    """Start the query that joins new answers and new truths."""
    tables.create_missing(
        settings, contracts.BRONZE_PREDICTIONS, contracts.QUARANTINE_PREDICTIONS,
        contracts.BRONZE_TRUTHS, contracts.QUARANTINE_TRUTHS, contracts.PREDICTIONS,
    )  # fmt: skip
    place, most = settings.lake_uri, settings.spark.max_files_per_trigger
    answers = readers.table_stream(spark, table_uri(place, names.BRONZE_PREDICTIONS), most)
    truths = readers.table_stream(spark, table_uri(place, names.BRONZE_TRUTHS), most)
    news = with_features(answers).unionByName(truths.select(_KEY, *_TOLD), allowMissingColumns=True)
    write = queries.noting(names.JOIN, settings, Join(place).write_batch, names.PREDICTIONS)
    every = queries.following(settings.spark, every_seconds)
    return queries.start(names.JOIN, news, write, settings, every)


def with_features(answers: DataFrame) -> DataFrame:
    """Rows of bronze as rows of `gold.served_predictions` whose truth is not known.

    Features are in the order of their names, whatever order a caller gave them in. A message
    without features, which is not from our service, gets none.
    """
    no_values = f.array().cast("array<double>")
    read = f.from_json("extras", "features map<string, double>")["features"]
    kept = f.array_sort(f.map_entries(read))
    return answers.withColumn("kept", kept).select(
        *(name for name in contracts.PREDICTION.names if name != "version"),
        f.col("version").alias("model_version"),
        f.coalesce(f.array_join("kept.key", ","), f.lit("")).alias("feature_names"),
        f.coalesce(f.col("kept.value"), no_values).alias("features"),
    )


class Join:
    """Joins micro-batches of news: rows with a `model` are answers, the others truths."""

    def __init__(self, lake_uri: str) -> None:
        self._uri = table_uri(lake_uri, names.PREDICTIONS)
        self._truths = table_uri(lake_uri, names.BRONZE_TRUTHS)

    def write_batch(self, news: DataFrame, _batch_id: int) -> None:
        """Join one micro-batch; a replayed one changes nothing."""
        spark = news.sparkSession
        answers = first_answers(news.where("model IS NOT NULL"))
        told = news.where("model IS NULL").select(_KEY, *_TOLD)
        earliest = answers.agg(f.min("served_at")).first()
        if earliest is not None and earliest[0] is not None:
            told = told.unionByName(self._known(spark, answers, earliest[0] - _SKEW))
        rows = answers.drop(*_TOLD).join(newest_truths(told), _KEY, "full_outer")
        self._merge(spark, rows)

    def _known(self, spark: SparkSession, answers: DataFrame, since: object) -> DataFrame:
        """Truths of these answers that have come before, from the files of those days."""
        held = readers.read_table(spark, self._truths)
        recent = held.where(f.col("known_date") >= f.to_date(f.lit(since)))
        return recent.select(_KEY, *_TOLD).join(answers.select(_KEY), _KEY, "left_semi")

    def _merge(self, spark: SparkSession, rows: DataFrame) -> None:
        """Add the new answers, and correct the truth of those that are there."""
        is_newer = "s.known_at IS NOT NULL AND (t.known_at IS NULL OR s.known_at > t.known_at)"
        columns = {name: f"s.{name}" for name in contracts.PREDICTIONS.names}
        (
            DeltaTable.forPath(spark, self._uri)
            .alias("t")
            .merge(rows.alias("s"), f"s.{_KEY} = t.{_KEY}")
            .whenMatchedUpdate(is_newer, {name: f"s.{name}" for name in _TOLD})
            .whenNotMatchedInsert("s.model IS NOT NULL", columns)
            .execute()
        )


def first_answers(answers: DataFrame) -> DataFrame:
    """One row for each id: the earliest, where a caller has used an id of its own again."""
    packed = f.struct("served_at", *(name for name in _ANSWER if name != "served_at"))
    first = answers.groupBy(_KEY).agg(f.min(packed).alias("one"))
    return first.select(_KEY, *(f.col(f"one.{name}").alias(name) for name in _ANSWER))


def newest_truths(told: DataFrame) -> DataFrame:
    """One truth for each id: the newest, and of two at the same moment the greater."""
    newest = told.groupBy(_KEY).agg(f.max(f.struct("known_at", "truth")).alias("one"))
    return newest.select(_KEY, *(f.col(f"one.{name}").alias(name) for name in _TOLD))
