"""Puts rows that are still in the database into the outbox again, after Kafka has lost them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flaskapp import streams
from flaskapp.outbox import BLOCK_ROWS
from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.errors import DatabaseError, closest
from lakehouse.names import MYSQL_OUTBOX, MYSQL_STREAMS
from lakehouse.settings import Settings

Kind = Literal["event", "outcome"]

_ENTRY = (
    f"INSERT INTO {MYSQL_OUTBOX} "  # noqa: S608
    "(kind, stream_id, first_sequence, last_sequence, created_at) VALUES (%s, %s, %s, %s, %s)"
)
_STREAMS = f"SELECT stream_id FROM {MYSQL_STREAMS}"  # noqa: S608
_EVENTS_HELD = (
    f"SELECT COUNT(*) FROM {names.MYSQL_RAW} "  # noqa: S608
    "WHERE stream_id = %s AND sequence BETWEEN %s AND %s"
)
_OUTCOMES_HELD = (
    f"SELECT COUNT(*) FROM {names.MYSQL_OUTCOMES} "  # noqa: S608
    "WHERE stream_id = %s AND sequence BETWEEN %s AND %s"
)
_HELD: dict[Kind, str] = {"event": _EVENTS_HELD, "outcome": _OUTCOMES_HELD}


@dataclass(frozen=True)
class Resent:
    """Rows `first` to `last` of a stream that wait for the relay again."""

    stream_id: str
    first: int
    last: int

    @property
    def rows(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


def resend(
    settings: Settings,
    stream_id: str,
    first: int,
    last: int | None,
    clock: Clock,
    kind: Kind = "event",
) -> Resent:
    """Put rows `first` to `last` (None: the stream's last) into the outbox again.

    The lake drops events that it already has, by event id. Either all rows are put in or none.
    Raises `DatabaseError` for an unknown stream, and for rows that the database does not hold.
    """
    with mysql.connect(settings.mysql) as connection, mysql.transaction(connection) as cursor:
        sent = _sent(cursor, stream_id, kind)
        chosen = Resent(stream_id, first, sent - 1 if last is None else last)
        if not 0 <= chosen.first <= chosen.last < sent:
            have = f"rows 0 to {sent - 1}" if sent else "a stream without rows"
            got = f"{chosen.first} to {chosen.last}"
            raise DatabaseError(f"stream {stream_id}", have, got, "name rows that it has")
        _require(cursor, chosen, kind)
        cursor.executemany(_ENTRY, _entries(chosen, kind, clock.now()))
    return chosen


def _sent(cursor: Any, stream_id: str, kind: Kind) -> int:
    found = streams.get(cursor, stream_id)
    if found is None:
        cursor.execute(_STREAMS)
        known = [row[0] for row in cursor.fetchall()]
        do = closest(stream_id, known) if known else "there is none yet"
        raise DatabaseError("--stream", "a stream of this installation", repr(stream_id), do)
    return found.sent_rows if kind == "event" else found.sent_outcomes


def _require(cursor: Any, chosen: Resent, kind: Kind) -> None:
    """Refuse a gap, because the relay would wait for the missing rows forever."""
    cursor.execute(_HELD[kind], (chosen.stream_id, chosen.first, chosen.last))
    held = int(cursor.fetchone()[0])
    if held != chosen.rows:
        raise DatabaseError(
            f"stream {chosen.stream_id}",
            f"all {chosen.rows} rows from {chosen.first} to {chosen.last}",
            f"{held}, the others were deleted",
            "resend the ranges that are still there",
        )


def _entries(chosen: Resent, kind: Kind, now: datetime) -> list[tuple[Any, ...]]:
    """Entries of as many rows as the relay takes at once."""
    created = now.replace(tzinfo=None)
    return [
        (
            kind,
            chosen.stream_id,
            first,
            min(first + BLOCK_ROWS - 1, chosen.last),
            created,
        )
        for first in range(chosen.first, chosen.last + 1, BLOCK_ROWS)
    ]
