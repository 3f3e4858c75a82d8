"""History into the database, fast: the days of a source in large blocks, with labels and outcomes.

A replay closes each day with queries. History knows what comes: a second walk over the same days
runs a horizon ahead, so that each row is written once, with its label, and each outcome without
asking the database. Usage and outcomes go through a connection each, at the same time. Each block
is committed with the place that it reached, so a load that dies anywhere goes on from there; the
last block waits for the outcomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import Any

import polars as pl

from flaskapp import state
from flaskapp.bulk import Uploader
from flaskapp.cdr import event_store, feed
from flaskapp.cdr.activity import NUMBER, Activity
from flaskapp.cdr.feed import Offset
from flaskapp.cdr.sources import Source, SourceDay
from flaskapp.serial_executor import SerialExecutor
from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES
from lakehouse.domains.settings import Settings

DAY = timedelta(days=1)
_OUTCOMES = {NUMBER: pl.String, LABEL: pl.Int64}
_COUNTS = [name for name in MEASURE_NAMES if name.endswith("COUNT")]
_STORED = f"SELECT DISTINCT DP_MSISDN FROM {names.MYSQL_RAW} WHERE Date = %s AND is_active = 1"  # noqa: S608
_LATER = f"SELECT DISTINCT Date FROM {names.MYSQL_RAW} WHERE Date >= %s"  # noqa: S608


@dataclass(frozen=True)
class Writers:
    """A connection to read through, and two to write through; one thread each."""

    reading: Any
    usage: Uploader
    outcomes: Uploader


@dataclass(frozen=True)
class _Evening:
    """A day: its usage, unless that is in, and the outcomes to be told of it, if any."""

    date: date
    usage: SourceDay | None
    outcomes: pl.DataFrame | None


@dataclass(frozen=True)
class _Block:
    """Usage of one transaction, the subscribers who are new in it, and the place after it."""

    events: pl.DataFrame
    people: pl.DataFrame
    reached: Offset


@dataclass(frozen=True)
class History:
    """The days of `source` up to its `history_end`, as the stream `stream_id`."""

    writers: Writers
    source: Source
    stream_id: str
    block_rows: int
    settings: Settings
    clock: Clock

    def walk(self) -> Iterator[Offset]:
        """Load what is left; yields places that are committed."""
        start, closes = self._standing()
        blocks, told = _Blocks(self.block_rows), list[_Evening]()
        with (
            closing(SerialExecutor("usage")) as usage,
            closing(SerialExecutor("outcomes")) as outcomes,
        ):
            for evening in self._evenings(start, closes):
                if evening.usage is not None:
                    done = start.row if evening.date == start.date else 0
                    for block in blocks.take(evening.usage, done):
                        usage.submit(partial(self._write, block))
                told.append(replace(evening, usage=None))  # its rows need not stay in memory
                if sum(e.outcomes.height for e in told if e.outcomes is not None) > self.block_rows:
                    outcomes.submit(partial(self._tell, told, start.date))
                    told = []
                if usage.done is not None:
                    yield usage.done
            outcomes.submit(partial(self._tell, told, start.date))
            outcomes.finish()
            # Its place says that nothing is left to load, so the outcomes have to be in before it.
            usage.submit(partial(self._write, blocks.cut()))
            usage.finish()
            yield usage.done

    @property
    def _horizon(self) -> timedelta:
        return timedelta(days=self.settings.cdr.label_horizon_days)

    def _standing(self) -> tuple[Offset, date]:
        """Where usage goes on, and the first day whose evening has outcomes to tell."""
        with self.writers.reading.cursor() as cursor:
            start, closed = (
                feed.committed_offset(cursor, self.source),
                state.recall(cursor, event_store.CLOSED),
            )
        self.writers.reading.commit()
        closes = self.source.first if closed is None else date.fromisoformat(closed) + DAY
        # Days that nobody closed between two sources are nobody's.
        return start, max(closes, start.date) if start.date == self.source.first else closes

    def _evenings(self, start: Offset, closes: date) -> Iterator[_Evening]:
        """Each day whose usage or outcomes are not in yet."""
        last, window = self.source.history_end, self.settings.cdr.active_window_days
        day = min(start.date, closes - self._horizon)
        activity, usage = Activity(self.settings.cdr), self.source.days(start.date, last)
        ahead = self._active_days(day - timedelta(days=window - 1), start)
        seen = day - timedelta(days=window)
        while day <= last:
            while seen < min(day + self._horizon, last):
                seen, numbers = next(ahead)
                activity.add(seen, numbers)
            is_known = day + self._horizon <= last
            known = activity.outcomes(day) if is_known else pl.DataFrame(schema=_OUTCOMES)
            fresh = _labelled(next(usage), known) if day >= start.date else None
            tells = is_known and day + self._horizon >= closes
            yield _Evening(day, fresh, known if tells else None)
            day += DAY

    def _active_days(self, first: date, start: Offset) -> Iterator[tuple[date, pl.Series]]:
        """Who was active on each day from `first` on: as stored, then as the source says."""
        with self.writers.reading.cursor() as cursor:
            cursor.execute(_LATER, (start.date,))
            stored = {day for (day,) in cursor.fetchall()}
            for ahead in range((start.date - first).days):
                day = first + timedelta(days=ahead)
                yield day, _stored(cursor, day)
            for source_day in self.source.days(start.date, self.source.history_end):
                counts = pl.sum_horizontal(_COUNTS)
                numbers = source_day.events.filter(counts > 0)[NUMBER]
                if source_day.date in stored:
                    numbers = pl.concat([numbers, _stored(cursor, source_day.date)])
                yield source_day.date, numbers

    def _write(self, block: _Block) -> Offset:
        uploader, now = self.writers.usage, self.clock.now()
        with mysql.transaction(uploader.connection) as cursor:
            feed.add_subscribers(cursor, block.people)
            event_store.append(uploader, self.stream_id, block.events, now, self.settings.timezone)
            feed.commit_offset(cursor, self.source, block.reached)
        return block.reached

    def _tell(self, evenings: list[_Evening], start: date) -> None:
        """Add the outcomes of some days, and the labels of rows that were in before `start`."""
        uploader, now = self.writers.outcomes, self.clock.now()
        told = [(e.date, e.outcomes) for e in evenings if e.outcomes is not None]
        with mysql.transaction(uploader.connection) as cursor:
            event_store.append_outcomes(uploader, self.stream_id, told, self.settings.cdr, now)
            for day, _ in told:
                if day < start:
                    event_store.label(cursor, day)
            if evenings:
                reached = min(evenings[-1].date + self._horizon, self.source.history_end)
                event_store.close_through(cursor, reached)


class _Blocks:
    """Days joined into blocks of at most `size` rows; a larger day is cut."""

    def __init__(self, size: int) -> None:
        self._size, self._rows = size, 0
        self._events, self._people = list[pl.DataFrame](), list[pl.DataFrame]()
        self._reached: Offset

    def take(self, day: SourceDay, done: int) -> Iterator[_Block]:
        """Add a day, of which `done` rows are in already; the blocks that it fills."""
        people: list[pl.DataFrame] = [day.subscribers]
        for part in day.events.slice(done).iter_slices(self._size):
            if self._rows and self._rows + part.height > self._size:
                yield self.cut()
            self._people, people = self._people + people, []
            self._events.append(part)
            self._rows += part.height
            done += part.height
            self._reached = Offset(day.date, done)
        self._people += people
        self._reached = Offset(day.date + DAY)

    def cut(self) -> _Block:
        """What has been added since the last cut."""
        events = pl.concat(self._events) if self._events else pl.DataFrame()
        block = _Block(events, pl.concat(self._people), self._reached)
        self._events, self._people, self._rows = [], [block.people.clear()], 0
        return block


def _stored(cursor: Any, day: date) -> pl.Series:
    cursor.execute(_STORED, (day,))
    return pl.Series(NUMBER, [number for (number,) in cursor.fetchall()], pl.String)


def _labelled(day: SourceDay, known: pl.DataFrame) -> SourceDay:
    """The day with the label of each row, a label that the source itself has before the others."""
    given = day.events
    if LABEL not in given.columns:
        given = given.with_columns(pl.lit(None, pl.Int64).alias(LABEL))
    joined = given.join(known, on=NUMBER, how="left", suffix="_known", maintain_order="left")
    label = pl.coalesce(LABEL, f"{LABEL}_known").alias(LABEL)
    return replace(day, events=joined.with_columns(label).select(given.columns))
