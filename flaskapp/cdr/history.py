"""Fast loading of history: a source's days in large blocks, with labels and outcomes.

A replay closes each day with queries. History can look ahead: a second walk over the same days runs
one horizon ahead, so that each row is written once, with its label, and each outcome without a
query. Usage and outcomes use separate connections at the same time. Each block is committed with
the offset that it reached, so a load that dies anywhere resumes from there; the last block waits
for the outcomes.
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
from flaskapp.cdr import event_store, feed, lateness
from flaskapp.cdr.activity import NUMBER, Activity
from flaskapp.cdr.feed import Offset
from flaskapp.cdr.repeats import Repeats
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
    """One connection for reading and two for writing; each is used by one thread."""

    reading: Any
    usage: Uploader
    outcomes: Uploader


@dataclass(frozen=True)
class _DayClose:
    """A closed day: its usage, unless already stored, and the outcomes that are due, if any."""

    date: date
    usage: SourceDay | None
    outcomes: pl.DataFrame | None


@dataclass(frozen=True)
class _Block:
    """Usage of one transaction from day `first` on, who is new in it, and the offset after it."""

    first: date | None
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
    repeats: Repeats | None = None

    def unseen(self, day: SourceDay) -> SourceDay:
        """The day without rows that are already stored, if those are to be left out."""
        return day if self.repeats is None else self.repeats.without(day)

    def walk(self) -> Iterator[Offset]:
        """Load what is left; yields committed offsets."""
        start, closes = self._progress()
        blocks, due = _Blocks(self.block_rows), list[_DayClose]()
        with (
            closing(SerialExecutor("usage")) as usage,
            closing(SerialExecutor("outcomes")) as outcomes,
        ):
            for close in self._day_closes(start, closes):
                if close.usage is not None:
                    done = start.row if close.date == start.date else 0
                    for block in blocks.take(close.usage, done):
                        usage.submit(partial(self._write, block))
                due.append(replace(close, usage=None))  # its rows need not stay in memory
                if sum(e.outcomes.height for e in due if e.outcomes is not None) > self.block_rows:
                    outcomes.submit(partial(self._write_outcomes, due, start.date))
                    due = []
                if usage.done is not None:
                    yield usage.done
            outcomes.submit(partial(self._write_outcomes, due, start.date))
            outcomes.finish()
            # Its offset says that nothing is left to load, so the outcomes have to be in before it.
            usage.submit(partial(self._write, blocks.cut()))
            usage.finish()
            yield usage.done

    @property
    def _horizon(self) -> timedelta:
        return timedelta(days=self.settings.cdr.label_horizon_days)

    def _progress(self) -> tuple[Offset, date]:
        """Where usage continues, and the first day whose close decides outcomes."""
        with self.writers.reading.cursor() as cursor:
            start, closed = (
                feed.committed_offset(cursor, self.source),
                state.recall(cursor, event_store.CLOSED),
            )
        self.writers.reading.commit()
        closes = self.source.first if closed is None else date.fromisoformat(closed) + DAY
        # Days that nobody closed between two sources are nobody's.
        return start, max(closes, start.date) if start.date == self.source.first else closes

    def _day_closes(self, start: Offset, closes: date) -> Iterator[_DayClose]:
        """Each day whose usage or outcomes are not stored yet."""
        last, window = self.source.history_end, self.settings.cdr.active_window_days
        day = min(start.date, closes - self._horizon)
        activity = Activity(self.settings.cdr)
        usage = map(self.unseen, self.source.days(start.date, last))
        ahead = self._active_days(day - timedelta(days=window - 1), start)
        seen = day - timedelta(days=window)
        while day <= last:
            while seen < min(day + self._horizon, last):
                seen, numbers = next(ahead)
                activity.add(seen, numbers)
            is_known = day + self._horizon <= last
            known = activity.outcomes(day) if is_known else pl.DataFrame(schema=_OUTCOMES)
            fresh = _labelled(next(usage), known) if day >= start.date else None
            is_due = is_known and day + self._horizon >= closes
            yield _DayClose(day, fresh, known if is_due else None)
            day += DAY

    def _active_days(self, first: date, start: Offset) -> Iterator[tuple[date, pl.Series]]:
        """Who was active on each day from `first` on: first as stored, then from the source."""
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
            if block.first is not None:
                # A replay of newer days may have overtaken the load since it began.
                what = f"What is left of {self.source.name}"
                lateness.require(cursor, self.settings, block.first, what)
            feed.add_subscribers(cursor, block.people)
            event_store.append(uploader, self.stream_id, block.events, now, self.settings.timezone)
            feed.commit_offset(cursor, self.source, block.reached)
        return block.reached

    def _write_outcomes(self, closes: list[_DayClose], start: date) -> None:
        """Add the outcomes of some days, and the labels of rows that were in before `start`."""
        uploader, now = self.writers.outcomes, self.clock.now()
        outcomes = [(e.date, e.outcomes) for e in closes if e.outcomes is not None]
        with mysql.transaction(uploader.connection) as cursor:
            event_store.append_outcomes(uploader, self.stream_id, outcomes, self.settings.cdr, now)
            for day, _ in outcomes:
                if day < start:
                    event_store.label(cursor, day)
            if closes:
                reached = min(closes[-1].date + self._horizon, self.source.history_end)
                event_store.close_through(cursor, reached)


class _Blocks:
    """Days joined into blocks of at most `size` rows; a larger day is cut."""

    def __init__(self, size: int) -> None:
        self._size, self._rows = size, 0
        self._events, self._people = list[pl.DataFrame](), list[pl.DataFrame]()
        self._first: date | None = None
        self._reached: Offset

    def take(self, day: SourceDay, done: int) -> Iterator[_Block]:
        """Add a day of which `done` rows are already stored; returns the blocks that it fills."""
        people: list[pl.DataFrame] = [day.subscribers]
        for part in day.events.slice(done).iter_slices(self._size):
            if self._rows and self._rows + part.height > self._size:
                yield self.cut()
            self._people, people = self._people + people, []
            self._first = self._first or day.date
            self._events.append(part)
            self._rows += part.height
            done += part.height
            self._reached = Offset(day.date, done)
        self._people += people
        self._reached = Offset(day.date + DAY)

    def cut(self) -> _Block:
        """What has been added since the last cut."""
        events = pl.concat(self._events) if self._events else pl.DataFrame()
        block = _Block(self._first, events, pl.concat(self._people), self._reached)
        self._events, self._people, self._rows = [], [block.people.clear()], 0
        self._first = None
        return block


def _stored(cursor: Any, day: date) -> pl.Series:
    cursor.execute(_STORED, (day,))
    return pl.Series(NUMBER, [number for (number,) in cursor.fetchall()], pl.String)


def _labelled(day: SourceDay, known: pl.DataFrame) -> SourceDay:
    """The day with the label of each row; a label from the source itself takes precedence."""
    given = day.events
    if LABEL not in given.columns:
        given = given.with_columns(pl.lit(None, pl.Int64).alias(LABEL))
    joined = given.join(known, on=NUMBER, how="left", suffix="_known", maintain_order="left")
    label = pl.coalesce(LABEL, f"{LABEL}_known").alias(LABEL)
    return replace(day, events=joined.with_columns(label).select(given.columns))
