"""Features to predictions: the champion scores every row as soon as it appears or changes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import cast

import polars as pl
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse import store
from lakehouse.domain import Scored
from lakehouse.errors import StreamError
from lakehouse.models.bundle import Bundle
from lakehouse.models.scoring import Scorer, score_frame
from lakehouse.names import table_uri
from lakehouse.registry import ModelVersion
from lakehouse.settings import Settings
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import queries, readers
from pyspark_jobs.engine.query_notes import QueryNotes
from pyspark_jobs.scoring.context import ScoringContext
from pyspark_jobs.scoring.predictions import Predictions

# Rows come to the driver so many at a time, and are scored there: what they become is five times as
# large, and would have to come here anyway to be written.
ROWS_AT_ONCE, ROWS_A_THREAD = 50_000, 10_000
_COMMIT = "_commit_version"
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
    features = table_uri(settings.lake_uri, scored.features)
    QueryNotes(context.scoring, settings).check_tables()
    rows = _new_rows(spark, features, settings)
    wanted = rows.where(f.col(scored.time) >= f.lit(since))
    write = Scoring(context).write_batch
    return queries.start(context.scoring, wanted, write, settings.lake_uri, every_seconds)


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
    """A version with its verified bundle."""

    version: ModelVersion
    bundle: Bundle


class Scoring:
    """Scores micro-batches of features with the current champion.

    A challenger, if there is one, scores the same rows alongside. Both are looked up before each
    batch and loaded when they change, so a promotion needs no restart.
    """

    def __init__(self, context: ScoringContext) -> None:
        self._scored, self._registry, self._clock = context.scored, context.registry, context.clock
        self._key = [context.scored.entity, context.scored.time]
        self._predictions = Predictions(context)
        self._notes = QueryNotes(context.scoring, context.settings)
        self._loaded: dict[int, _Loaded] = {}

    def write_batch(self, changes: DataFrame, _batch_id: int) -> None:
        """Score the rows of one micro-batch of the features' change feed."""
        versions = [self._registry.champion(), self._registry.challenger()]
        self.score(changes, [version for version in versions if version is not None])
        self._notes.note_tables((self._scored.table.name, self._predictions.latest()))

    def score(
        self, rows: DataFrame, versions: list[ModelVersion], as_of: datetime | None = None
    ) -> int:
        """Score rows of features, or of their change feed, with each version; counts the new ones.

        Scores made after `as_of`, when the rows were read, are left unchanged.
        """
        loaded = [self._load(version) for version in versions]
        self._loaded = {one.version.number: one for one in loaded}
        features = {name for one in loaded for name in one.bundle.scorer.features}
        kept = {*self._key, *features, *self._scored.table.names, _COMMIT} - {self._scored.label}
        wanted = rows.select(*(name for name in rows.columns if name in kept))
        return sum(
            self._put(one, self._told(one.bundle.scorer, self._latest(some)), as_of)
            for some in _collected(wanted, self._scored)
            for one in loaded
        )

    def _put(self, one: _Loaded, scored: pl.DataFrame, as_of: datetime | None) -> int:
        if scored.is_empty():
            return 0
        return self._predictions.put(
            scored.with_columns(
                model_version=pl.lit(one.version.number, pl.Int32),
                run_id=pl.lit(one.version.run_id),
                scored_at=pl.lit(self._clock.now()),
            ),
            as_of,
        )

    def _load(self, version: ModelVersion) -> _Loaded:
        known = self._loaded.get(version.number)
        return known or _Loaded(version, self._registry.load(version))

    def _told(self, scorer: Scorer, rows: pl.DataFrame) -> pl.DataFrame:
        tell = partial(score_frame, scorer, scored=self._scored)
        if len(rows) <= ROWS_A_THREAD:
            return tell(rows)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            return pl.concat(threads.map(tell, rows.iter_slices(ROWS_A_THREAD)))

    def _latest(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The last state of each row in a batch of changes; without versions, any row of a key."""
        ordered = rows.sort(_COMMIT) if _COMMIT in rows.columns else rows
        return ordered.unique(self._key, keep="last", maintain_order=True)


def _collected(rows: DataFrame, scored: Scored) -> Iterator[pl.DataFrame]:
    """All rows, in one go if they are few, because counting them would cost another job."""
    few = _to_polars(rows.limit(ROWS_AT_ONCE + 1))
    if len(few) <= ROWS_AT_ONCE:
        yield few
        return
    # A filter does not reach the files of a micro-batch: each part would read all of them again.
    kept = rows.persist(StorageLevel.DISK_ONLY)
    try:
        yield from map(_to_polars, _parts(kept, scored))
    finally:
        kept.unpersist()


def _parts(rows: DataFrame, scored: Scored) -> Iterator[DataFrame]:
    """Parts of about `ROWS_AT_ONCE` rows: several dates each, or a share of one date's entities."""
    counted = rows.groupBy(_day(scored).alias("day")).count().orderBy("day").collect()
    for dates, count in together([(day, int(many)) for day, many in counted], ROWS_AT_ONCE):
        of_dates, shares = rows.where(_day(scored).isin(dates)), -(-count // ROWS_AT_ONCE)
        share = f.pmod(f.xxhash64(scored.entity), f.lit(shares))
        yield from (of_dates.where(share == k) for k in range(shares))


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


def _to_polars(rows: DataFrame) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(rows.toArrow()))
