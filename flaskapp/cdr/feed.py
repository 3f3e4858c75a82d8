"""Feeds a source's days into the database block by block, each with the offset it reached.

The offset (a date, and how many of its rows are in) is committed with the rows, so a walk that dies
anywhere resumes where it stopped. A replay works like this; `history` loads the same days faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from flaskapp import state
from flaskapp.bulk import Uploader
from flaskapp.cdr import event_store, lateness
from flaskapp.cdr.sources import Source, SourceDay
from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import Settings

SUBSCRIBER_ROWS = 5_000


@dataclass(frozen=True)
class Offset:
    """The day to continue with, and how many of its rows are already in."""

    date: date
    row: int = 0


def committed_offset(cursor: Any, source: Source) -> Offset:
    """The current offset of the walk over `source`."""
    kept = state.recall(cursor, f"place:{source.name}")
    return Offset(source.first) if kept is None else Offset(date.fromisoformat(kept[0]), kept[1])


def has_begun(cursor: Any, source: Source) -> bool:
    """Whether anything of `source` is in."""
    return state.recall(cursor, f"place:{source.name}") is not None


def commit_offset(cursor: Any, source: Source, reached: Offset) -> None:
    """Record the offset of the walk over `source`."""
    state.remember(cursor, f"place:{source.name}", [reached.date.isoformat(), reached.row])


@dataclass(frozen=True)
class Feed:
    """What a walk needs: where to write, as which stream, and the block size in rows."""

    uploader: Uploader
    source: Source
    stream_id: str
    block_rows: int
    settings: Settings
    clock: Clock

    def walk(self, last: date) -> Iterator[Offset]:
        """Feed the days up to `last`; yields the offset after each commit.

        Raises `TooLateError` at a day that the lake would refuse.
        """
        with self.uploader.connection.cursor() as cursor:
            start = committed_offset(cursor, self.source)
        for day in self.source.days(start.date, last):
            done = start.row if day.date == start.date else 0
            with self.uploader.connection.cursor() as cursor:
                if day.events.height > done:
                    # A load of newer days may have overtaken the walk since it began.
                    lateness.require(cursor, self.settings, day.date, "What is left of the replay")
                add_subscribers(cursor, day.subscribers)
            for block in day.events.slice(done).iter_slices(self.block_rows):
                if block.height:
                    done += block.height
                    yield self._add(block, Offset(day.date, done))
            yield self._close(day)

    def _add(self, block: pl.DataFrame, reached: Offset) -> Offset:
        connection, timezone = self.uploader.connection, self.settings.timezone
        event_store.append(self.uploader, self.stream_id, block, self.clock.now(), timezone)
        with connection.cursor() as cursor:
            commit_offset(cursor, self.source, reached)
        connection.commit()
        return reached

    def _close(self, day: SourceDay) -> Offset:
        connection, now = self.uploader.connection, self.clock.now()
        reached = Offset(day.date + timedelta(days=1))
        with connection.cursor() as cursor:
            event_store.close_day(cursor, self.stream_id, day.date, self.settings.cdr, now)
            commit_offset(cursor, self.source, reached)
        connection.commit()
        return reached


_SUBSCRIBER = (
    f"INSERT IGNORE INTO {names.MYSQL_SUBSCRIBERS} "  # noqa: S608
    "(DP_MSISDN, segment, region, activated_on) VALUES (%s, %s, %s, %s)"
)


def add_subscribers(cursor: Any, subscribers: pl.DataFrame) -> None:
    """List subscribers who are not listed yet; in the transaction of their first rows."""
    for block in subscribers.iter_slices(SUBSCRIBER_ROWS):
        if block.height:
            cursor.executemany(_SUBSCRIBER, block.rows())
