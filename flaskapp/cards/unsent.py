"""Messages that are not in Kafka yet: on disk, in the order in which they came."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lakehouse.domains.cards.normalise import Normalised


class Waiting(NamedTuple):
    """A message with its place in the queue."""

    number: int
    message: Normalised


class Unsent:
    """A queue in an SQLite file; what was added is still there after a crash or a power cut.

    What can never be sent is kept in the table `aside`, with the reason.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS unsent "
            "(number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, value BLOB NOT NULL)"
        )
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS aside "
            "(number INTEGER PRIMARY KEY, key TEXT, value BLOB NOT NULL, reason TEXT NOT NULL)"
        )

    def add(self, messages: Iterable[Normalised]) -> None:
        """Add messages at the end, all or none."""
        with self._transaction():
            self._file.executemany("INSERT INTO unsent (key, value) VALUES (?, ?)", messages)

    def first(self, most: int) -> list[Waiting]:
        """The oldest messages, at most `most`."""
        rows = self._file.execute(
            "SELECT number, key, value FROM unsent ORDER BY number LIMIT ?", (most,)
        )
        return [Waiting(number, Normalised(key, value)) for number, key, value in rows]

    def sent(self, last: int) -> None:
        """Remove all messages up to the one with the number `last`."""
        self._file.execute("DELETE FROM unsent WHERE number <= ?", (last,))

    def set_aside(self, number: int, reason: str) -> None:
        """Take one message out of the queue, and keep it with the reason why it cannot be sent."""
        with self._transaction():
            self._file.execute(
                "INSERT INTO aside SELECT number, key, value, ? FROM unsent WHERE number = ?",
                (reason, number),
            )
            self._file.execute("DELETE FROM unsent WHERE number = ?", (number,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._file.execute("BEGIN")
        try:
            yield
            self._file.execute("COMMIT")
        except BaseException:
            self._file.execute("ROLLBACK")
            raise

    def __len__(self) -> int:
        """How many messages are waiting."""
        (count,) = self._file.execute("SELECT COUNT(*) FROM unsent").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
