"""Bronze to silver to gold in one query, whose cost depends only on a batch's own rows.

Spark finds the new rows and keeps the offset; a batch itself is small, so it is processed in this
process and committed without another round of planning, shuffles and jobs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import cast

import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import Clock, today
from lakehouse.domains.cdr import contracts, names
from lakehouse.domains.cdr.features import gold_contract, lookback_days
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from pyspark_jobs.cdr import daily
from pyspark_jobs.cdr.block import Span
from pyspark_jobs.cdr.features import FROM_SILVER, gold_rows
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.engine import queries, readers
from pyspark_jobs.engine.query_notes import QueryNotes

DAY = timedelta(days=1)
ROWS_AT_ONCE = 50_000


def start(
    spark: SparkSession, settings: Settings, clock: Clock, every_seconds: float | None
) -> StreamingQuery:
    """Start the query that keeps silver and gold up to date with bronze.

    Raises `StreamError` when a table has lost what the query wrote to it.
    """
    gold = gold_contract(settings.cdr.feature_windows)
    silver = contracts.SILVER_DAILY
    tables.create_missing(settings, contracts.BRONZE_EVENTS, silver, gold)
    QueryNotes(names.TRANSFORM, settings).check_tables()
    bronze = table_uri(settings.lake_uri, names.BRONZE_EVENTS)
    events = readers.table_stream(spark, bronze, settings.spark.max_files_per_trigger)
    write = Transform(settings, clock).write_batch
    return queries.start(names.TRANSFORM, events, write, settings.lake_uri, every_seconds)


def closed_through(latest: date, now: date) -> date:
    """The last closed date: every date before the latest one or before today is closed.

    >>> closed_through(date(2026, 3, 5), now=date(2026, 3, 5))
    datetime.date(2026, 3, 4)
    >>> closed_through(date(2026, 3, 5), now=date(2026, 4, 1))
    datetime.date(2026, 3, 5)
    """
    return min(latest, max(latest, now) - DAY)


class Transform:
    """Applies micro-batches of new bronze rows to silver, then to gold.

    Both writes depend only on the contents of the tables: a batch that is replayed, or read again
    after a lost checkpoint, finds its events counted and its rows equal. Gold's commit records up
    to which date silent subscribers are filled, so a crash between the two is made up for.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._cdr, self._clock, self._timezone = settings.cdr, clock, settings.timezone
        gold = gold_contract(settings.cdr.feature_windows)
        self._silver = DeltaTableWriter(
            settings.lake_uri, contracts.SILVER_DAILY, settings.lake_options
        )
        self._gold = DeltaTableWriter(settings.lake_uri, gold, settings.lake_options)
        self._lookback = timedelta(days=lookback_days(settings.cdr.feature_windows) - 1)
        self._notes = QueryNotes(names.TRANSFORM, settings)
        self._filled: date | None = None

    def write_batch(self, bronze: DataFrame, _batch_id: int) -> None:
        """Process the events of one micro-batch."""
        arrived = daily.event_columns(bronze).toArrow()
        self.apply_events(cast(pl.DataFrame, pl.from_arrow(arrived)))
        silver, gold = self._silver.latest(), self._gold.latest()
        self._notes.note_tables((names.SILVER_DAILY, silver), (names.GOLD_FEATURES, gold))

    def apply_events(self, events: pl.DataFrame) -> None:
        """Bring silver and gold up to date with `events` (columns of `daily.event_columns`)."""
        if events.is_empty():
            return
        keys = events.select(daily.KEY).unique()
        stored = self._silver.read().filter(pl.col("Date").is_in(keys["Date"].unique().implode()))
        known = stored.join(keys.lazy(), on=daily.KEY, how="semi").collect()
        self._silver.upsert(daily.apply_events(known, events), known.select(daily.KEY))
        self._write_gold(events.group_by("User").agg(since=pl.col("Date").min()))

    def _write_gold(self, touched: pl.DataFrame) -> None:
        """Recompute the rows affected by the changed subscribers or by a day that closed."""
        first, latest = self._silver.date_range("Date")
        if self._filled is None:
            note = self._gold.last_note("closed_through")
            self._filled = date.fromisoformat(note) if note else first - DAY
        closed = closed_through(latest, today(self._clock, self._timezone))
        scope = self._scope(touched, self._filled, closed)
        span = Span(latest, closed, self._cdr.active_window_days, self._cdr.feature_windows)
        found = [self._changes(part, span) for part in _parts(scope, latest)]
        changed, known = (pl.concat(frames) for frames in zip(*found, strict=True))
        self._gold.upsert(changed, known, {"closed_through": str(closed)})
        self._filled = max(self._filled, closed)

    def _changes(self, scope: pl.DataFrame, span: Span) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of gold for some subscribers that differ from the stored ones; the stored keys."""
        since = cast(date, scope["since"].min())
        days = self._silver.read().filter(pl.col("Date") >= since - self._lookback)
        # Without the hashes: a semi join reads all columns of everybody, and they are the largest.
        needed = days.select(FROM_SILVER).join(scope.lazy(), on="User", how="semi")
        chosen = needed.collect(engine="streaming")
        rows = gold_rows(chosen, scope, span)
        stored = self._gold.read().filter(pl.col("Date") >= since)
        known = stored.join(scope.lazy(), on="User", how="semi").collect(engine="streaming")
        changed = rows.join(known, on=rows.columns, how="anti", nulls_equal=True)
        return changed, known.select(daily.KEY)

    def _scope(self, touched: pl.DataFrame, filled: date, closed: date) -> pl.DataFrame:
        """Subscribers to process, and since when: the batch's; at day close, all recent ones."""
        if closed <= filled:
            return touched
        recent = filled - timedelta(days=self._cdr.active_window_days - 1)
        around = self._silver.read().filter(pl.col("Date") >= recent).select("User").unique()
        everybody = around.collect().with_columns(since=pl.lit(filled + DAY))
        return pl.concat([touched, everybody]).group_by("User").agg(pl.col("since").min())


def _parts(scope: pl.DataFrame, latest: date) -> Iterator[pl.DataFrame]:
    """`scope` in parts of limited size: while being computed, features take kilobytes per row."""
    days = (latest - cast(date, scope["since"].min())).days + 1
    yield from scope.iter_slices(max(1, ROWS_AT_ONCE // days))
