"""Gold to predictions: every row that appears or changes is scored by the champion at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

import polars as pl
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import Clock
from lakehouse.domains.cdr import contracts, names
from lakehouse.errors import StreamError
from lakehouse.models.bundle import Bundle
from lakehouse.models.scoring import Scorer
from lakehouse.names import table_uri
from lakehouse.registry import ModelVersion, Registry
from lakehouse.settings import Settings
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import queries, readers
from pyspark_jobs.scoring.predictions import Predictions

# Rows come to the driver so many at a time, and are scored there: what they become is five times as
# large, and would have to come here anyway to be written.
ROWS_AT_ONCE, ROWS_A_THREAD = 50_000, 10_000
_NEW = ("insert", "update_postimage")
_KEY = ["User", "Date"]


def start(
    spark: SparkSession,
    settings: Settings,
    registry: Registry,
    clock: Clock,
    every_seconds: float | None,
) -> StreamingQuery:
    """Start the query that keeps the predictions up to date with gold.

    Raises `StreamError` when there is no champion to score with.
    """
    since = registry.scoring_start()
    if since is None:
        raise StreamError(names.SCORE.name, "a champion", "none", "train a model first")
    tables.create_missing(settings, contracts.PREDICTIONS)
    gold = table_uri(settings.lake_uri, names.GOLD_FEATURES)
    changes = readers.change_stream(spark, gold, settings.spark.max_files_per_trigger)
    wanted = changes.where(_is_new() & (f.col("Date") >= f.lit(since)))
    write = Scoring(settings, registry, clock).write_batch
    return queries.start(names.SCORE, wanted, write, settings.lake_uri, every_seconds)


def backfill(
    spark: SparkSession, settings: Settings, version: ModelVersion, days: tuple[date, date],
    registry: Registry, clock: Clock,
) -> int:  # fmt: skip
    """Score gold as it stands on all dates from first to last with any version.

    Returns the number of rows that were new or different; run again it is 0.
    """
    tables.create_missing(settings, contracts.PREDICTIONS)
    as_of = clock.now()
    gold = readers.read_table(spark, table_uri(settings.lake_uri, names.GOLD_FEATURES))
    scoring = Scoring(settings, registry, clock)
    return scoring.score(gold.where(f.col("Date").between(*days)), [version], as_of)


@dataclass(frozen=True)
class _Loaded:
    """A version with its checked bundle."""

    version: ModelVersion
    bundle: Bundle


class Scoring:
    """Scores micro-batches of gold with the champion of the moment.

    A challenger, if there is one, scores the same rows beside it. Both are looked up before each
    batch and loaded when they change, so a promotion needs no restart.
    """

    def __init__(self, settings: Settings, registry: Registry, clock: Clock) -> None:
        self._registry, self._clock = registry, clock
        self._predictions = Predictions(settings, clock)
        self._loaded: dict[int, _Loaded] = {}

    def write_batch(self, changes: DataFrame, _batch_id: int) -> None:
        """Score the rows of one micro-batch of gold's change feed."""
        versions = [self._registry.champion(), self._registry.challenger()]
        self.score(changes, [version for version in versions if version is not None])

    def score(
        self, rows: DataFrame, versions: list[ModelVersion], as_of: datetime | None = None
    ) -> int:
        """Score rows of gold, or of its change feed, with each version; how many were new.

        What was scored after `as_of`, when the rows were read, stays as it is.
        """
        loaded = [self._load(version) for version in versions]
        self._loaded = {one.version.number: one for one in loaded}
        features = {name for one in loaded for name in one.bundle.scorer.features}
        order = [name for name in ("_commit_version",) if name in rows.columns]
        wanted = rows.select(*_KEY, "last_emitted_at", *sorted(features), *order)
        return sum(
            self._put(one, _scored(one.bundle.scorer, _latest(some)), as_of)
            for some in _collected(wanted)
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


def _scored(scorer: Scorer, rows: pl.DataFrame) -> pl.DataFrame:
    if len(rows) <= ROWS_A_THREAD:
        return scorer.score_frame(rows)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        return pl.concat(threads.map(scorer.score_frame, rows.iter_slices(ROWS_A_THREAD)))


def _collected(rows: DataFrame) -> Iterator[pl.DataFrame]:
    """All rows, at once where they are few: a look at how many there are costs a job of its own."""
    few = _to_polars(rows.limit(ROWS_AT_ONCE + 1))
    if len(few) <= ROWS_AT_ONCE:
        yield few
        return
    # A filter does not reach the files of a micro-batch: each part would read all of them again.
    kept = rows.persist(StorageLevel.DISK_ONLY)
    try:
        yield from map(_to_polars, _parts(kept))
    finally:
        kept.unpersist()


def _parts(rows: DataFrame) -> Iterator[DataFrame]:
    """Parts of about `ROWS_AT_ONCE`: some dates each, or a share of one date's subscribers."""
    counted = rows.groupBy("Date").count().orderBy("Date").collect()
    for dates, count in together([(day, int(many)) for day, many in counted], ROWS_AT_ONCE):
        of_dates, shares = rows.where(f.col("Date").isin(dates)), -(-count // ROWS_AT_ONCE)
        share = f.pmod(f.xxhash64("User"), f.lit(shares))
        yield from (of_dates.where(share == k) for k in range(shares))


def together(counted: list[tuple[date, int]], most: int) -> list[tuple[list[date], int]]:
    """Neighbouring dates put together up to `most` rows, each group with the number of its rows.

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


def _is_new() -> Column:
    return f.col("_change_type").isin(*_NEW)


def _to_polars(rows: DataFrame) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(rows.toArrow()))


def _latest(rows: pl.DataFrame) -> pl.DataFrame:
    """The last state of each row of gold in a batch of changes."""
    if "_commit_version" not in rows.columns:
        return rows
    return rows.sort("_commit_version").unique(_KEY, keep="last", maintain_order=True)
