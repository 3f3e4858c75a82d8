"""The outbox: blocks of committed rows that Kafka has not acknowledged yet, and their messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES
from lakehouse.errors import DatabaseError
from lakehouse.names import MYSQL_OUTBOX

KEY = "DP_MSISDN"
BLOCK_ROWS = 20_000
# The server writes the messages itself and hands over so many at once, one to a line: reading them
# row by row would cost a client in Python three times the rest of the work.
LINES_AT_ONCE = 500
MAX_TEXT_BYTES = 64 << 20
KEY_AT = len(b'{"DP_MSISDN":"')
_ISO = "'%Y-%m-%dT%H:%i:%S.%fZ'"


def _object(fields: Sequence[tuple[str, str]]) -> str:
    """SQL that writes a JSON object of these names and expressions; the key comes first."""
    pairs = [f"""'"{name}":', {value}""" for name, value in fields]
    return "CONCAT('{', " + ", ',', ".join(pairs) + ", '}')"


def _text(*parts: str) -> str:
    """SQL that writes a JSON string; none of the parts has anything to escape."""
    return f"""CONCAT('"', {", ".join(parts)}, '"')"""


_EVENTS_JSON = _object(
    [
        (KEY, _text(KEY)),
        ("id", "id"),
        ("DP_DATE", _text(f"DATE_FORMAT(DP_DATE, {_ISO})")),
        *((name, name) for name in MEASURE_NAMES),
        ("event_id", _text("stream_id", "':'", "sequence")),
        ("emitted_at", _text(f"DATE_FORMAT(emitted_at, {_ISO})")),
    ]
)
_OUTCOMES_JSON = _object(
    [
        (KEY, _text(KEY)),
        ("date", _text("Date")),
        (LABEL, LABEL),
        ("known_at", _text("known_at")),
    ]
)


def _lines(message: str, table: str) -> str:
    return (
        f"SELECT COUNT(*), GROUP_CONCAT({message} ORDER BY sequence SEPARATOR '\n') "  # noqa: S608
        f"FROM {table} WHERE stream_id = %s AND sequence BETWEEN %s AND %s "
        f"GROUP BY sequence DIV {LINES_AT_ONCE} ORDER BY MIN(sequence)"
    )


_EVENTS = _lines(_EVENTS_JSON, names.MYSQL_RAW)
_OUTCOMES = _lines(_OUTCOMES_JSON, names.MYSQL_OUTCOMES)
_QUERIES = {
    "event": (names.TOPIC_EVENTS, _EVENTS),
    "outcome": (names.TOPIC_OUTCOMES, _OUTCOMES),
}
_WAITING = (
    f"SELECT entry_id, kind, stream_id, first_sequence, last_sequence FROM {MYSQL_OUTBOX} "  # noqa: S608
    "ORDER BY entry_id LIMIT 500"
)


@dataclass(frozen=True)
class Entry:
    """A block that waits: rows `first` to `last` of a stream."""

    entry_id: int
    kind: str
    stream_id: str
    first: int
    last: int

    @property
    def rows(self) -> int:
        """How many rows it names."""
        return self.last - self.first + 1


def waiting(connection: Any) -> list[Entry]:
    """The lowest entries of the outbox, as many as make up a block of rows, at least one."""
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


def messages(connection: Any, entry: Entry) -> Iterator[tuple[str, bytes, bytes]]:
    """Topic, key (the subscriber) and JSON, exact to the last decimal, of each row of `entry`.

    Raises `DatabaseError` when the rows are not there.
    """
    topic, query = _QUERIES[entry.kind]
    with connection.cursor(raw=True) as cursor:
        cursor.execute(f"SET SESSION group_concat_max_len = {MAX_TEXT_BYTES}")
        cursor.execute(query, (entry.stream_id, entry.first, entry.last))
        count = 0
        for number, text in cursor:
            lines = bytes(text).split(b"\n")
            if len(lines) != int(number) or not text.endswith(b"}"):
                raise DatabaseError(
                    f"outbox entry {entry.entry_id}", "whole messages", "cut ones", "see the server"
                )
            count += len(lines)
            for line in lines:
                yield topic, line[KEY_AT : line.index(b'"', KEY_AT)], line
    connection.commit()
    if count != entry.rows:
        raise DatabaseError(
            f"outbox entry {entry.entry_id}", f"{entry.rows} rows", str(count), "see table Streams"
        )


def remove(connection: Any, entries: Sequence[Entry]) -> None:
    """Take published entries out of the outbox."""
    marks = ", ".join(["%s"] * len(entries))
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {MYSQL_OUTBOX} WHERE entry_id IN ({marks})",  # noqa: S608
            tuple(entry.entry_id for entry in entries),
        )
    connection.commit()
