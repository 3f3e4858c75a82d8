"""The table of streams: what was requested, how far it got, and how it ended."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from lakehouse import names

Mode = Literal["history", "live", "replay"]
State = Literal["running", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class Stream:
    """One row of the table; counts are of what is committed."""

    stream_id: str
    domain: str
    mode: Mode
    state: State
    request: dict[str, Any]
    sent_batches: int
    sent_rows: int
    sent_outcomes: int
    error: str | None
    started_at: datetime
    updated_at: datetime

    @property
    def rows_per_second(self) -> float | None:
        """The mean rate; None for a stream that has just begun."""
        seconds = (self.updated_at - self.started_at).total_seconds()
        return round(self.sent_rows / seconds, 1) if seconds > 0 else None


_COLUMNS = ", ".join(Stream.__dataclass_fields__)
_INSERT = (
    f"INSERT INTO {names.MYSQL_STREAMS} "  # noqa: S608
    "(stream_id, domain, mode, state, request, started_at, updated_at) "
    "VALUES (%s, %s, %s, 'running', %s, %s, %s)"
)
_LIST = (
    f"SELECT {_COLUMNS} FROM {names.MYSQL_STREAMS} "  # noqa: S608
    "ORDER BY started_at DESC, stream_id DESC LIMIT %s"
)
_GET = f"SELECT {_COLUMNS} FROM {names.MYSQL_STREAMS} WHERE stream_id = %s"  # noqa: S608
_RUNNING = (
    f"SELECT {_COLUMNS} FROM {names.MYSQL_STREAMS} "  # noqa: S608
    "WHERE state = 'running' AND mode <> 'history' ORDER BY started_at"
)
_FIRST_LIVE = (
    f"SELECT MIN(started_at) FROM {names.MYSQL_STREAMS} "  # noqa: S608
    "WHERE mode = 'live' AND domain = %s"
)
_ADVANCE = (
    f"UPDATE {names.MYSQL_STREAMS} SET sent_rows = sent_rows + %s, "  # noqa: S608
    "sent_outcomes = sent_outcomes + %s, updated_at = %s WHERE stream_id = %s"
)
_REACH = (
    f"UPDATE {names.MYSQL_STREAMS} SET sent_batches = %s, updated_at = %s "  # noqa: S608
    "WHERE stream_id = %s"
)
_END = (
    f"UPDATE {names.MYSQL_STREAMS} SET state = %s, error = %s, updated_at = %s "  # noqa: S608
    "WHERE stream_id = %s AND state = 'running'"
)


def new_id(mode: Mode, now: datetime) -> str:
    """A name for a stream that no other installation uses."""
    return f"{mode}-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def first_live(cursor: Any, domain: str) -> datetime | None:
    """When the first live stream of a domain began, in UTC; None before there is one."""
    cursor.execute(_FIRST_LIVE, (domain,))
    moment: datetime | None = cursor.fetchone()[0]
    return moment


def begin(
    cursor: Any, stream_id: str, domain: str, mode: Mode, request: dict[str, Any], now: datetime
) -> None:
    """Record a running stream of a domain."""
    moment = _naive(now)
    cursor.execute(_INSERT, (stream_id, domain, mode, json.dumps(request), moment, moment))


def get(cursor: Any, stream_id: str) -> Stream | None:
    """The stream with that id; None if there is none."""
    if not stream_id.isascii():  # the column is, and the server compares with nothing else
        return None
    cursor.execute(_GET, (stream_id,))
    row = cursor.fetchone()
    return None if row is None else _stream(row)


def latest(cursor: Any, limit: int) -> list[Stream]:
    """The newest streams, newest first."""
    cursor.execute(_LIST, (limit,))
    return [_stream(row) for row in cursor.fetchall()]


def running(cursor: Any) -> list[Stream]:
    """Streams that are running, or were when their process died; oldest first."""
    cursor.execute(_RUNNING)
    return [_stream(row) for row in cursor.fetchall()]


def advance(
    cursor: Any, stream_id: str, now: datetime, *, rows: int = 0, outcomes: int = 0
) -> None:
    """Count what the transaction adds to the stream."""
    cursor.execute(_ADVANCE, (rows, outcomes, _naive(now), stream_id))


def reach(cursor: Any, stream_id: str, batches: int, now: datetime) -> None:
    """Record that this many batches of the stream have been sent."""
    cursor.execute(_REACH, (batches, _naive(now), stream_id))


def end(cursor: Any, stream_id: str, state: State, now: datetime, error: str | None = None) -> None:
    """Close a running stream."""
    cursor.execute(_END, (state, error, _naive(now), stream_id))


def _stream(row: tuple[Any, ...]) -> Stream:
    values = dict(zip(Stream.__dataclass_fields__, row, strict=True))
    return Stream(**values | {"request": json.loads(values["request"])})


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
