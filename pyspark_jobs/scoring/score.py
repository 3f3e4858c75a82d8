"""Features to predictions: the champion scores every row as soon as it appears or changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

import msgspec
import polars as pl
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse import damage, store
from lakehouse.contracts import BASE_VERSION, BUCKET
from lakehouse.domain import Scored
from lakehouse.errors import StreamError
from lakehouse.models.bundle import Bundle
from lakehouse.names import table_uri
from lakehouse.registry import ModelVersion
from lakehouse.settings import Settings
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import CHANGES_NOTE, last_noted
from pyspark_jobs.engine import bucket_tasks, checkpoints, queries, readers
from pyspark_jobs.engine.bucket_tasks import Changes
from pyspark_jobs.engine.query_notes import QueryNotes
from pyspark_jobs.scoring.context import ScoringContext
from pyspark_jobs.scoring.predictions import Predictions
from pyspark_jobs.scoring.score_task import ORDERS, PredictionFiles, ScoreTask, ScoringModel

LABELLED_AT_ONCE = 500_000
_NEW = ("insert", "update_postimage")


def start(
    spark: SparkSession, context: ScoringContext, every_seconds: float | None
) -> StreamingQuery:
    """Start the query that keeps the predictions up to date with the features.

    Raises `StreamError` when there is no champion to score with.
    """
    settings, scored = context.settings, context.scored
    since = context.registry.scoring_start()
    if since is None:
        raise StreamError(context.scoring.name, "a champion", "none", "train a model first")
    tables.create_missing(settings, scored.table)
    QueryNotes(context.scoring, settings).check_tables()
    scoring = Scoring(context)
    is_wanted = f.col(scored.time) >= f.lit(since)
    if scored.changes is None:
        rows = _new_rows(spark, table_uri(settings.lake_uri, scored.features), settings)
    else:
        rows = _changed_rows(spark, scoring, context, is_wanted)
    wanted, write = rows.where(is_wanted), scoring.write_batch
    every = queries.following(context.settings.spark, every_seconds)
    return queries.start(context.scoring, wanted, write, settings, every)


def _changed_rows(
    spark: SparkSession, scoring: Scoring, context: ScoringContext, is_wanted: Column
) -> DataFrame:
    """The stream of changed features; at the query's first start, all features are scored first.

    Changes that they have taken in by then are left out of the stream; later ones that are in what
    is read are scored once more.
    """
    settings, scored = context.settings, context.scored
    changes = table_uri(settings.lake_uri, cast(str, scored.changes))
    latest = store.version(changes, settings.lake_options)
    if latest is None:
        raise StreamError(changes, "a table of changed features", "none", "start transform first")
    stream = readers.added_rows(spark, changes, settings.spark.max_files_per_trigger, latest)
    if checkpoints.has_begun(context.scoring, settings):
        return stream
    features = table_uri(settings.lake_uri, scored.features)
    taken_in = last_noted(damage.open_log(features, settings.lake_options), CHANGES_NOTE)
    scoring.write_batch(readers.read_table(spark, features).where(is_wanted), -1)
    if taken_in is None:
        return stream
    # The next change is made on that version at the earliest; those before it are in what was read.
    return stream.where(f.col(BASE_VERSION.name) >= f.lit(taken_in[0]))


def backfill(
    spark: SparkSession, context: ScoringContext, version: ModelVersion, days: tuple[date, date]
) -> int:
    """Score the current features on all dates from first to last with any version.

    Returns the number of rows that were new or different; running it again returns 0.
    """
    scored = context.scored
    tables.create_missing(context.settings, scored.table)
    as_of = context.clock.now()
    place = table_uri(context.settings.lake_uri, scored.features)
    rows = readers.read_table(spark, place).where(_day(scored).between(*days))
    return Scoring(context).score(rows, [version], as_of)


@dataclass(frozen=True)
class _Loaded:
    """A version with its verified bundle, and what a worker needs of it."""

    version: ModelVersion
    bundle: Bundle

    @property
    def model(self) -> ScoringModel:
        """The model as it is sent to the workers."""
        manifest = self.bundle.manifest
        details = msgspec.json.encode(manifest.details)
        version = self.version
        return ScoringModel(
            version.number, version.run_id, manifest.kind, details, self.bundle.file
        )


class Scoring:
    """Scores micro-batches of features with the current champion.

    A challenger, if there is one, scores the same rows alongside. Both are looked up before each
    batch and loaded when they change, so a promotion needs no restart. A large batch is scored by
    Spark's tasks, a small one by the same function in this process.
    """

    def __init__(self, context: ScoringContext) -> None:
        self._context, self._scored = context, context.scored
        self._registry, self._clock = context.registry, context.clock
        self._key = [context.scored.entity, context.scored.time]
        self._predictions = Predictions(context)
        self._notes = QueryNotes(context.scoring, context.settings)
        self._loaded: dict[int, _Loaded] = {}

    def write_batch(self, changes: DataFrame, _batch_id: int) -> None:
        """Score the rows of one micro-batch of changed features."""
        versions = [self._registry.champion(), self._registry.challenger()]
        self.score(changes, [version for version in versions if version is not None])
        self._notes.note_tables((self._scored.table.name, self._predictions.latest()))

    def score(
        self, rows: DataFrame, versions: list[ModelVersion], as_of: datetime | None = None
    ) -> int:
        """Score rows of features, or of their changes, with each version; counts the new ones.

        Scores made after `as_of`, when the rows were read, are left unchanged.
        """
        loaded = [self._load(version) for version in versions]
        self._loaded = {one.version.number: one for one in loaded}
        models = tuple(one.model for one in loaded)
        features = {name for one in loaded for name in one.bundle.scorer.features}
        kept = {*self._key, *features, *self._scored.table.names, *ORDERS} - {self._scored.label}
        wanted = rows.select(*(name for name in rows.columns if name in kept))
        wanted, buckets = self._in_buckets(wanted)
        now = self._clock.now()
        few = bucket_tasks.collected(wanted, self._context.settings.spark.small_batch_rows)

        def run(files: PredictionFiles) -> Changes:
            task = ScoreTask(self._scored, models, now, files)
            if few is None:
                return bucket_tasks.on_executors(task, wanted, buckets)
            return bucket_tasks.in_driver(task, few)

        written = self._predictions.write(run, as_of, rows.sparkSession)
        if few is None:
            self._label(wanted)
        else:
            self._predictions.label_ripe(few)
        return written

    def _in_buckets(self, rows: DataFrame) -> tuple[DataFrame, int]:
        """Rows with their bucket, and the number of buckets."""
        settings, name = self._context.settings, BUCKET.name
        if self._scored.table.bucket_by is not None:
            return rows, tables.buckets(settings, self._scored.table)
        number, entity = settings.spark.buckets, f.xxhash64(self._scored.entity)
        return rows.withColumn(name, f.pmod(entity, f.lit(number)).cast("int")), number

    def _load(self, version: ModelVersion) -> _Loaded:
        known = self._loaded.get(version.number)
        return known or _Loaded(version, self._registry.load(version))

    def _label(self, rows: DataFrame) -> None:
        """Fill in the outcomes that are known already, for as many rows at a time as may be."""
        if not self._predictions.has_outcomes():
            return
        day = _day(self._scored)
        ripe = rows.where(day <= f.lit(self._predictions.ripe)).select(*self._key)
        counted = ripe.groupBy(day.alias("day")).count().orderBy("day").collect()
        for dates, _ in together([(one, int(many)) for one, many in counted], LABELLED_AT_ONCE):
            keys = ripe.where(day.isin(dates)).distinct()
            self._predictions.label(cast(pl.DataFrame, pl.from_arrow(keys.toArrow())))


def together(counted: list[tuple[date, int]], most: int) -> list[tuple[list[date], int]]:
    """Neighbouring dates grouped up to `most` rows, each group with its number of rows.

    >>> together([(date(2026, 1, day), rows) for day, rows in ((1, 3), (2, 4), (3, 9), (4, 1))], 8)
    ... # doctest: +NORMALIZE_WHITESPACE
    [([datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)], 7),
     ([datetime.date(2026, 1, 3)], 9), ([datetime.date(2026, 1, 4)], 1)]
    """
    groups: list[tuple[list[date], int]] = []
    for day, rows in counted:
        if groups and groups[-1][1] + rows <= most:
            dates, before = groups.pop()
            groups.append(([*dates, day], before + rows))
        else:
            groups.append(([day], rows))
    return groups


def _day(scored: Scored) -> Column:
    return f.col(scored.time).cast("date")


def _new_rows(spark: SparkSession, uri: str, settings: Settings) -> DataFrame:
    """Rows that appear or change in the features; without a change feed, rows are only appended."""
    most = settings.spark.max_files_per_trigger
    if not store.has_change_feed(uri, settings.lake_options):
        return readers.table_stream(spark, uri, most)
    return readers.change_stream(spark, uri, most).where(f.col("_change_type").isin(*_NEW))
