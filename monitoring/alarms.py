"""Alarms on single events: told once, retried until they are, and never in anybody's way.

A consumer of its own reads decisions and notes those to be told in a file on disk. What is due is
sent through the channels of monitoring, each at its own pace. Before a message goes out it is
marked, so that after a crash nobody is told twice; whether such a message arrived is then unknown,
and it is counted as such.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from lakehouse.clock import Clock
from lakehouse.kafka_access import Access
from lakehouse.publisher import Publisher
from lakehouse.retry import Backoff
from lakehouse.settings.kafka import KafkaSettings

LOG = logging.getLogger(__name__)
LOT, POLL_S, TELL_S, DELIVER_S, STOP_S = 500, 0.2, 0.5, 10.0, 12.0


class Alarm(NamedTuple):
    """An event to tell people about: its id, and what to say."""

    id: str
    text: str


@dataclass(frozen=True)
class Alarms:
    """Where alarms come from and how they read.

    `read` makes an alarm of a message, None for one that needs none. What the first outlet has told
    is noted in the topic `told`.
    """

    group: str
    topic: str
    told: str
    read: Callable[[bytes], Alarm | None]


class AlarmBook:
    """The alarms that were seen, on disk; an alarm is `due`, then `telling`, then `told`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS alarms (number INTEGER PRIMARY KEY AUTOINCREMENT, "
            "id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'due', "
            "noted INTEGER NOT NULL DEFAULT 0)"
        )

    def note(self, alarms: Sequence[Alarm]) -> None:
        """Keep alarms that are not known yet."""
        with self._lock:
            self._file.executemany("INSERT OR IGNORE INTO alarms (id, text) VALUES (?, ?)", alarms)

    def due(self, most: int) -> list[Alarm]:
        """Alarms that nobody has been told, oldest first."""
        return self._select("state = 'due'", most)

    def mark(self, alarms: Sequence[Alarm], state: str) -> None:
        """Change the state of some alarms."""
        with self._lock:
            self._file.executemany(
                "UPDATE alarms SET state = ? WHERE id = ?", [(state, one.id) for one in alarms]
            )

    def unannounced(self, most: int) -> list[Alarm]:
        """Alarms that were told, or may have been, and are not in the topic yet."""
        return self._select("state != 'due' AND noted = 0", most)

    def announced(self, alarms: Sequence[Alarm]) -> None:
        """Remember that these are in the topic."""
        with self._lock:
            self._file.executemany(
                "UPDATE alarms SET noted = 1 WHERE id = ?", [(one.id,) for one in alarms]
            )

    def counts(self) -> dict[str, int]:
        """Number of alarms by state."""
        with self._lock:
            found = self._file.execute("SELECT state, COUNT(*) FROM alarms GROUP BY state")
            return dict(found.fetchall())

    def _select(self, where: str, most: int) -> list[Alarm]:
        query = f"SELECT id, text FROM alarms WHERE {where} ORDER BY number LIMIT ?"  # noqa: S608
        with self._lock:
            return [Alarm(*row) for row in self._file.execute(query, (most,))]


@dataclass(frozen=True)
class Outlet:
    """A way to tell people, and what it has told.

    `tell` sends some alarms at once, and raises if they were not accepted.
    """

    book: AlarmBook
    tell: Callable[[Sequence[Alarm]], None]


class AlarmService:
    """Reads decisions in one thread, and tells people in a thread for each outlet."""

    def __init__(
        self, alarms: Alarms, kafka: KafkaSettings, outlets: Sequence[Outlet], clock: Clock
    ) -> None:
        self._alarms, self._outlets, self._clock = alarms, outlets, clock
        self._kafka, self._access = kafka, Access(kafka)

    def run(self, stop: threading.Event) -> None:
        """Tell until `stop`. Raises `AccessError` when the broker refuses this client."""
        threads = [
            threading.Thread(target=self._tell, args=(one, number == 0, stop), daemon=True)
            for number, one in enumerate(self._outlets)
        ]
        for thread in threads:
            thread.start()
        options = {
            "group.id": self._alarms.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 10_000,
        }
        consumer = Consumer(self._access.options | options)
        try:
            consumer.subscribe([self._kafka.topic(self._alarms.topic)])
            while not stop.is_set():
                with self._access.checked():
                    self._read(consumer)
                self._access.check()
        finally:
            stop.set()
            consumer.close()
            for thread in threads:
                thread.join(STOP_S)

    def _read(self, consumer: Consumer) -> None:
        messages = [one for one in consumer.consume(LOT, POLL_S) if _is_good(one)]
        if not messages:
            return
        read = (self._alarms.read(one.value() or b"") for one in messages)
        found = [one for one in read if one is not None]
        for outlet in self._outlets:
            outlet.book.note(found)
        consumer.commit(asynchronous=True)

    def _tell(self, outlet: Outlet, announces: bool, stop: threading.Event) -> None:
        backoff = Backoff(self._clock, stop)
        publisher = Publisher(self._kafka) if announces else None
        while not stop.is_set():
            try:
                moved = tell_due(outlet)
                if publisher is not None:
                    moved += self._announce(outlet.book, publisher)
                backoff.reset()
            # Whatever a channel raises: the alarms stay due, and the path goes on.
            except Exception as error:
                LOG.warning("alarms wait: %s", error)
                backoff.wait()
                continue
            if not moved:
                self._clock.wait(stop, TELL_S)

    def _announce(self, book: AlarmBook, publisher: Publisher) -> int:
        fresh = book.unannounced(LOT)
        for one in fresh:
            publisher.send(self._alarms.told, one.id, one.text)
        publisher.deliver(DELIVER_S)
        book.announced(fresh)
        return len(fresh)


def tell_due(outlet: Outlet) -> int:
    """Tell what is due; how many. Raises what the outlet raises, and they stay due."""
    due = outlet.book.due(LOT)
    if due:
        outlet.book.mark(due, "telling")
        try:
            outlet.tell(due)
        except Exception:
            outlet.book.mark(due, "due")
            raise
        outlet.book.mark(due, "told")
    return len(due)


def _is_good(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.code() == KafkaError._PARTITION_EOF or error.retriable():
        return False
    raise KafkaException(error)
