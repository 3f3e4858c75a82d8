"""Bronze to silver to gold in one query, whose cost depends only on a batch's own rows.

A large batch is processed by Spark's tasks, bucket by bucket; a small one by the same function in
this process, where starting tasks would take longer than the work. Both only write files: this
process commits them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import cast
from uuid import uuid4

import msgspec
import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import Clock, today
from lakehouse.domains.cdr import contracts, names
from lakehouse.domains.cdr.features import changes_contract, gold_contract
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.names import table_uri
from pyspark_jobs.cdr import daily
from pyspark_jobs.cdr.block import Span
from pyspark_jobs.cdr.transform_task import PutChanges, TransformTask
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import (
    ATTEMPTS,
    CHANGES_NOTE,
    DeltaTableWriter,
    OvertakenError,
)
from pyspark_jobs.engine import bucket_tasks, queries, readers
from pyspark_jobs.engine.bucket_tasks import BucketTask, Changes
from pyspark_jobs.engine.query_notes import QueryNotes

DAY = timedelta(days=1)
Run = Callable[[BucketTask], Changes]
"""Runs a task for all buckets that it concerns, here or on the executors."""


class Due(msgspec.Struct, frozen=True):
    """What a commit of feature changes says of the commit of gold that follows it.

    `files` are the paths of the changed rows, by bucket; `gold_id` is the id of the table.
    """

    token: str
    gold_id: str
    closed_through: str
    files: dict[int, tuple[str, ...]]


def start(
    spark: SparkSession, settings: Settings, clock: Clock, every_seconds: float | None
) -> StreamingQuery:
    """Start the query that keeps silver and gold up to date with bronze.

    Raises `StreamError` when a table has lost what the query wrote to it, or was made with another
    number of buckets than the others.
    """
    create_tables(settings)
    QueryNotes(names.TRANSFORM, settings).check_tables()
    bronze = table_uri(settings.lake_uri, names.BRONZE_EVENTS)
    events = readers.table_stream(spark, bronze, settings.spark.max_files_per_trigger)
    write = Transform(settings, clock).write_batch
    every = queries.following(settings.spark, every_seconds)
    return queries.start(names.TRANSFORM, events, write, settings, every)


def create_tables(settings: Settings) -> None:
    """Create the tables that the query reads and writes, where they do not exist."""
    windows = settings.cdr.feature_windows
    made = contracts.SILVER_DAILY, gold_contract(windows), changes_contract(windows)
    tables.create_missing(settings, contracts.BRONZE_EVENTS, *made)


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

    All writes depend only on the contents of the tables: a batch that is replayed, or read again
    after a lost checkpoint, finds its events counted and its rows equal. Rows of gold that change
    are first committed to the table of feature changes, whose note says what gold is due; so a
    crash in between is made up for from there, and each change is named once. Gold's own note
    says up to which date silent subscribers are filled.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        windows = settings.cdr.feature_windows
        silver, gold = contracts.SILVER_DAILY, gold_contract(windows)
        changes = changes_contract(windows)
        lake = settings.lake_uri, settings.lake_options
        self._silver, self._gold, self._changes = (
            DeltaTableWriter(lake[0], contract, lake[1]) for contract in (silver, gold, changes)
        )
        self._buckets = tables.buckets(settings, silver, gold, changes)
        self._notes = QueryNotes(names.TRANSFORM, settings)
        self._filled: date | None = None
        self._is_resumed = False

    def write_batch(self, bronze: DataFrame, _batch_id: int) -> None:
        """Process the events of one micro-batch."""
        small, buckets = self._settings.spark.small_batch_rows, self._buckets
        events = daily.event_columns(bronze, buckets)
        in_tasks = partial(bucket_tasks.on_executors, rows=events, buckets=buckets)
        few = bucket_tasks.collected(events, small)
        if few is None:
            latest = events.agg(f.max("Date")).collect()[0][0]
            self._apply(latest, in_tasks, in_tasks)
        else:
            self.apply_events(few, in_tasks)
        self._notes.note_tables(
            (names.SILVER_DAILY, self._silver.latest()),
            (names.FEATURE_CHANGES, self._changes.latest()),
            (names.GOLD_FEATURES, self._gold.latest()),
        )

    def apply_events(self, events: pl.DataFrame, in_tasks: Run | None = None) -> None:
        """Bring silver and gold up to date with `events` (columns of `daily.event_columns`).

        If a day closes over more subscribers than a small batch has rows, `in_tasks` does it.
        """
        if events.is_empty():
            return

        def here(task: BucketTask) -> Changes:
            return bucket_tasks.in_driver(task, events, range(self._buckets))

        self._apply(cast(date, events["Date"].max()), here, in_tasks or here)

    def _apply(self, latest: date, run: Run, in_tasks: Run) -> None:
        """Process a batch up to `latest`; again, if maintenance has rewritten what was read."""
        if not self._is_resumed:
            self._make_up(in_tasks)
            self._is_resumed = True
        for _ in range(ATTEMPTS):
            task = self._task(latest)
            many = self._population(task) > self._settings.spark.small_batch_rows
            found = (in_tasks if many else run)(task)
            try:
                self._silver.replace_files(
                    found[names.SILVER_DAILY], task.silver, self._clock.now()
                )
            except OvertakenError:
                continue
            self._commit(task, found, in_tasks if many else run)
            self._filled = max(task.filled, task.span.closed)
            return
        raise self._overtaken(self._silver)

    def _task(self, latest: date) -> TransformTask:
        cdr, silver, gold = self._settings.cdr, self._silver.cells(), self._gold.cells()
        dates = [*silver.files["Date"].unique(), latest]
        if self._filled is None:
            note = self._gold.last_note("closed_through")
            self._filled = date.fromisoformat(note) if note else min(dates) - DAY
        last = max(dates)
        closed = closed_through(last, today(self._clock, self._settings.timezone))
        return TransformTask(
            self._settings.lake_uri,
            self._settings.lake_options,
            silver,
            gold,
            Span(last, closed, cdr.active_window_days, cdr.feature_windows),
            self._filled,
            self._clock.now().date(),
        )

    def _population(self, task: TransformTask) -> int:
        """How many subscribers a closing day concerns, about; 0 if none closes."""
        if task.span.closed <= task.filled:
            return 0
        recent = task.filled - timedelta(days=task.span.active_days - 1)
        by_date = task.silver.where(pl.col("Date") >= recent).files.group_by("Date")
        most = by_date.agg(pl.col("num_records").sum())["num_records"].max()
        return cast(int, most or 0)

    def _commit(self, task: TransformTask, found: Changes, run: Run) -> None:
        """Commit the feature changes, then gold, which may need another attempt."""
        changed = found[names.FEATURE_CHANGES].added
        if not changed:
            return
        by_bucket: dict[int, tuple[str, ...]] = {}
        for one in changed:
            number = int(one.partition["bucket"])
            by_bucket[number] = (*by_bucket.get(number, ()), one.path)
        due = Due(uuid4().hex, self._gold_id(), str(task.span.closed), by_bucket)
        self._changes.append(changed, self._clock.now(), msgspec.json.encode(due).decode())
        try:
            gold = found[names.GOLD_FEATURES]
            self._gold.replace_files(gold, task.gold, self._clock.now(), _note(due))
        except OvertakenError:
            self._put(due, run)

    def _make_up(self, run: Run) -> None:
        """Bring gold up to date with the last feature changes, if a crash came in between."""
        note = self._changes.last_note("userMetadata")
        due = msgspec.json.decode(note, type=Due) if note else None
        if due is None or due.gold_id != self._gold_id():
            return
        if self._gold.last_note(CHANGES_NOTE) != due.token:
            self._put(due, run)

    def _gold_id(self) -> str:
        return str(self._gold.latest().metadata().id)

    def _put(self, due: Due, run: Run) -> None:
        options = self._settings.lake_options
        for _ in range(ATTEMPTS):
            gold = self._gold.cells()
            found = run(PutChanges(self._changes.uri, options, gold, due.files))
            try:
                change = found[names.GOLD_FEATURES]
                self._gold.replace_files(change, gold, self._clock.now(), _note(due))
            except OvertakenError:
                continue
            return
        raise self._overtaken(self._gold)

    def _overtaken(self, table: DeltaTableWriter) -> StreamError:
        return StreamError(
            table.uri,
            "its files unchanged while a batch is processed",
            f"other writers in between, {ATTEMPTS} times in a row",
            "run one pipeline and one maintenance only",
        )


def _note(due: Due) -> dict[str, str]:
    return {"closed_through": due.closed_through, CHANGES_NOTE: due.token}
