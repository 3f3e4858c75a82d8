"""The outbox: blocks of committed rows that Kafka has not acknowledged yet, and their messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lakehouse import names
from lakehouse.contracts import MEASURE_NAMES
from lakehouse.errors import DatabaseError

BLOCK_ROWS = 20_000
FETCH_ROWS = 5_000
_ISO = "'%Y-%m-%dT%H:%i:%S.%fZ'"
_EVENTS = f"""
SELECT DP_MSISDN, id, DATE_FORMAT(DP_DATE, {_ISO}) AS DP_DATE, {", ".join(MEASURE_NAMES)},
  CONCAT(stream_id, ':', sequence) AS event_id, DATE_FORMAT(emitted_at, {_ISO}) AS emitted_at
FROM {names.MYSQL_RAW} WHERE stream_id = %s AND sequence BETWEEN %s AND %s ORDER BY sequence
"""  # noqa: S608
_OUTCOMES = f"""
SELECT DP_MSISDN, Date AS date, PSEUDO_CHURNED, known_at
FROM {names.MYSQL_OUTCOMES} WHERE stream_id = %s AND sequence BETWEEN %s AND %s ORDER BY sequence
"""  # noqa: S608
_QUERIES = {
    "event": (names.TOPIC_EVENTS, _EVENTS),
    "outcome": (names.TOPIC_OUTCOMES, _OUTCOMES),
}
_WAITING = (
    f"SELECT entry_id, kind, stream_id, first_sequence, last_sequence FROM {names.MYSQL_OUTBOX} "  # noqa: S608
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


def messages(connection: Any, entry: Entry) -> Iterator[tuple[str, str, bytes]]:
    """Topic, key (the subscriber) and JSON, exact to the last decimal, of each row of `entry`.

    Raises `DatabaseError` when the rows are not there.
    """
    topic, query = _QUERIES[entry.kind]
    encode = msgspec.json.Encoder(decimal_format="number").encode
    with connection.cursor() as cursor:
        cursor.execute(query, (entry.stream_id, entry.first, entry.last))
        columns = [column[0] for column in cursor.description]
        count = 0
        while rows := cursor.fetchmany(FETCH_ROWS):
            count += len(rows)
            for row in rows:
                yield topic, row[0], encode(dict(zip(columns, row, strict=True)))
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
            f"DELETE FROM {names.MYSQL_OUTBOX} WHERE entry_id IN ({marks})",  # noqa: S608
            tuple(entry.entry_id for entry in entries),
        )
    connection.commit()
