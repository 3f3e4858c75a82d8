"""The outbox: blocks of committed rows that Kafka has not acknowledged yet, and their messages.

The server writes the messages itself and returns many at once, one per line: reading them row by
row would cost a Python client three times the rest of its work. Which rows they are made from is up
to the domain, which provides a `MessageKind` for each kind of entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakehouse.errors import DatabaseError
from lakehouse.names import MYSQL_OUTBOX

BLOCK_ROWS = 20_000
LINES_AT_ONCE = 500
MAX_TEXT_BYTES = 64 << 20
_WAITING = (
    f"SELECT entry_id, kind, stream_id, first_sequence, last_sequence FROM {MYSQL_OUTBOX} "  # noqa: S608
    "ORDER BY entry_id LIMIT 500"
)
_BACKLOG = (
    "SELECT COALESCE(SUM(last_sequence - first_sequence + 1), 0), "  # noqa: S608
    f"TIMESTAMPDIFF(MICROSECOND, MIN(created_at), UTC_TIMESTAMP(3)) FROM {MYSQL_OUTBOX}"
)
_ENTER = (
    f"INSERT INTO {MYSQL_OUTBOX} "  # noqa: S608
    "(kind, stream_id, first_sequence, last_sequence, created_at) VALUES (%s, %s, %s, %s, %s)"
)


@dataclass(frozen=True)
class MessageKind:
    """How rows of a kind become messages of `topic`.

    `query` is made by `lines`; `key` names the first field of its objects, a text, by which
    messages are partitioned.
    """

    topic: str
    key: str
    query: str

    def key_of(self, line: bytes) -> bytes:
        """The key within a message."""
        start = len(self.key) + len('{"":"')
        return line[start : line.index(b'"', start)]


@dataclass(frozen=True)
class Entry:
    """A waiting block: rows `first` to `last` of a stream."""

    entry_id: int
    kind: str
    stream_id: str
    first: int
    last: int

    @property
    def rows(self) -> int:
        """How many rows it covers."""
        return self.last - self.first + 1


def json_object(fields: Sequence[tuple[str, str]]) -> str:
    """SQL that writes a JSON object of these names and expressions; the key comes first."""
    pairs = [f"""'"{name}":', {value}""" for name, value in fields]
    return "CONCAT('{', " + ", ',', ".join(pairs) + ", '}')"


def json_text(*parts: str) -> str:
    """SQL that writes a JSON string; none of the parts needs escaping."""
    return f"""CONCAT('"', {", ".join(parts)}, '"')"""


def json_moment(column: str) -> str:
    """SQL that writes a moment in UTC, to the microsecond."""
    return json_text(f"DATE_FORMAT({column}, '%Y-%m-%dT%H:%i:%S.%fZ')")


def lines(message: str, table: str) -> str:
    """SQL that writes the messages of rows of `table`, many at once, one to a line.

    Its parameters are the stream, and its first and last sequence number.
    """
    return (
        f"SELECT COUNT(*), GROUP_CONCAT({message} ORDER BY sequence SEPARATOR '\n') "  # noqa: S608
        f"FROM {table} WHERE stream_id = %s AND sequence BETWEEN %s AND %s "
        f"GROUP BY sequence DIV {LINES_AT_ONCE} ORDER BY MIN(sequence)"
    )


def waiting(connection: Any) -> list[Entry]:
    """The lowest entries of the outbox, enough to make up a block of rows, at least one."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        found = [Entry(*row) for row in cursor.fetchall()]
    connection.commit()
    taken: list[Entry] = []
    for entry in found:
        if taken and sum(e.rows for e in taken) + entry.rows > BLOCK_ROWS:
            break
        taken.append(entry)
    return taken


def backlog(cursor: Any) -> tuple[int, float]:
    """Rows that wait for Kafka, and the age in seconds of the oldest."""
    cursor.execute(_BACKLOG)
    rows, age = cursor.fetchone()
    return int(rows), max(float(age or 0) / 1e6, 0.0)


def enter(cursor: Any, kind: str, stream_id: str, first: int, last: int, now: datetime) -> None:
    """Queue rows `first` to `last` of a stream for publication, in these rows' transaction."""
    cursor.execute(_ENTER, (kind, stream_id, first, last, now.replace(tzinfo=None)))


def messages(
    connection: Any, entry: Entry, kinds: Mapping[str, MessageKind]
) -> Iterator[tuple[str, bytes, bytes]]:
    """Topic, key and JSON, exact to the last decimal, of each row of `entry`.

    Raises `DatabaseError` when the rows are missing or their kind is unknown.
    """
    where = f"outbox entry {entry.entry_id}"
    kind = kinds.get(entry.kind)
    if kind is None:
        raise DatabaseError(where, f"one of {', '.join(kinds)}", entry.kind, "see table Outbox")
    with connection.cursor(raw=True) as cursor:
        cursor.execute(f"SET SESSION group_concat_max_len = {MAX_TEXT_BYTES}")
        cursor.execute(kind.query, (entry.stream_id, entry.first, entry.last))
        count = 0
        for number, text in cursor:
            found = bytes(text).split(b"\n")
            if len(found) != int(number) or not text.endswith(b"}"):
                raise DatabaseError(where, "whole messages", "cut ones", "see the server's log")
            count += len(found)
            for line in found:
                yield kind.topic, kind.key_of(line), line
    connection.commit()
    if count != entry.rows:
        raise DatabaseError(where, f"{entry.rows} rows", str(count), "see table Streams")


def remove(connection: Any, entries: Sequence[Entry]) -> None:
    """Remove published entries from the outbox."""
    marks = ", ".join(["%s"] * len(entries))
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {MYSQL_OUTBOX} WHERE entry_id IN ({marks})",  # noqa: S608
            tuple(entry.entry_id for entry in entries),
        )
    connection.commit()
