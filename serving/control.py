"""Hints that the registry has changed: messages on control topics, and the registry's own file.

A hint says nothing but "ask again"; whatever a message contains, the registry decides.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from lakehouse.clock import Clock
from lakehouse.kafka_access import Access
from lakehouse.retry import Backoff
from lakehouse.settings import Settings

LOG = logging.getLogger(__name__)
_POLL_S, _LOOK_S = 0.2, 0.2
_SQLITE = "sqlite:///"
Hint = Callable[[], None]


class Listener:
    """Follows control topics from their ends; each process of a service follows them by itself."""

    def __init__(self, settings: Settings, topics: Sequence[str], clock: Clock) -> None:
        self._kafka, self._clock = settings.kafka, clock
        self._topics = tuple(map(settings.kafka.topic, topics))

    def follow(self, stop: threading.Event, hint: Hint) -> None:
        """Call `hint` for every message until `stop` is set; a broker that is away is waited for.

        After a loss of the connection one hint is given, because a message may have been missed.
        """
        backoff = Backoff(self._clock, stop)
        while self._topics and not stop.is_set():
            try:
                self._listen(stop, hint, backoff)
            except Exception as error:  # whatever it is: no later version would be noticed
                LOG.warning("no hints from %s: %s", ", ".join(self._topics), error)
                backoff.wait()

    def _listen(self, stop: threading.Event, hint: Hint, backoff: Backoff) -> None:
        access = Access(self._kafka)
        options: dict[str, Any] = {
            "group.id": "cdrlake-serving-control",  # required by the client; nothing is committed
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
        }
        consumer = Consumer(access.options | options)
        try:
            consumer.assign([TopicPartition(topic, 0, OFFSET_END) for topic in self._topics])
            hint()
            while not stop.is_set():
                message = consumer.poll(_POLL_S)
                access.check("read the control topics")
                if message is not None and message.error() is None:
                    backoff.reset()
                    hint()
        finally:
            consumer.close()


class FileWatch:
    """Notices that the registry's SQLite file has been written, by whichever process."""

    def __init__(self, tracking_uri: str, clock: Clock) -> None:
        is_file = tracking_uri.startswith(_SQLITE)
        self._file = Path(tracking_uri.removeprefix(_SQLITE)) if is_file else None
        self._clock = clock

    def follow(self, stop: threading.Event, hint: Hint) -> None:
        """Call `hint` after every change until `stop` is set; returns at once without a file."""
        seen = self._stamp()
        while self._file is not None and not stop.is_set():
            self._clock.wait(stop, _LOOK_S)
            now = self._stamp()
            if now != seen:
                seen = now
                hint()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat() if self._file else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size) if found else None
