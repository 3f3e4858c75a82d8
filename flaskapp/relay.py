"""From the outbox to Kafka: every committed block, at least once, in order of commit per block.

An entry leaves the outbox only when the broker has acknowledged all its rows. A relay that dies in
between publishes the block again; readers drop the repetition by `event_id`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from confluent_kafka import KafkaException

from flaskapp import outbox
from flaskapp.outbox import MessageKind
from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.errors import CdrlakeError
from lakehouse.publisher import Publisher
from lakehouse.retry import Backoff
from lakehouse.settings import Settings
from lakehouse.settings.kafka import KafkaSettings

LOG = logging.getLogger(__name__)
LOCK = "relay"
IDLE_S = 0.05
LONGEST_BACKOFF_S = 5.0


@dataclass
class RelayStatus:
    """The relay's public state; written by its thread, read by any."""

    state: str = "waiting"
    published: int = 0
    error: str | None = None
    last_published_at: datetime | None = None


@dataclass
class Relay:
    """Drains the outbox until it is told to stop; one per database, by a lock in the database.

    `kinds` says how the rows of each kind of entry become messages.
    """

    settings: Settings
    clock: Clock
    stop: threading.Event
    kinds: Mapping[str, MessageKind]
    make_publisher: Callable[[KafkaSettings], Publisher] = Publisher
    status: RelayStatus = field(default_factory=RelayStatus)

    def run(self) -> None:
        """Relay until `stop`; outages of database or broker are waited out, with back-off."""
        backoff = Backoff(self.clock, self.stop, longest_s=LONGEST_BACKOFF_S)
        while not self.stop.is_set():
            try:
                with mysql.connect(self.settings.mysql) as connection:
                    self._serve(connection, backoff)
                self.clock.wait(self.stop, IDLE_S)
            except Exception as error:  # whatever it is, a relay that ends would be worse
                known = isinstance(error, CdrlakeError | mysql.Error | KafkaException)
                LOG.warning("relay: %s", error, exc_info=None if known else error)
                self.status.state, self.status.error = "degraded", str(error)
                backoff.wait()

    def _serve(self, connection: Any, backoff: Backoff) -> None:
        name = f"{self.settings.mysql.database}.{LOCK}"
        with mysql.lock(connection, name) as held:
            if not held:
                self.status.state = "standby"
                backoff.reset()
                return
            publisher = self.make_publisher(self.settings.kafka)
            try:
                while not self.stop.is_set():
                    has_sent = self._step(connection, publisher)
                    backoff.reset()
                    if not has_sent:
                        self.clock.wait(self.stop, IDLE_S)
            finally:
                publisher.drop()

    def _step(self, connection: Any, publisher: Publisher) -> int:
        """Publish the lowest blocks and remove them from the outbox; returns the rows published."""
        entries = outbox.waiting(connection)
        rows = sum(entry.rows for entry in entries)
        for entry in entries:
            for topic, key, value in outbox.messages(connection, entry, self.kinds):
                publisher.send(topic, key, value)
        while publisher.flush(1.0):
            if self.stop.is_set():
                return 0
            self.status.state, self.status.error = "degraded", "the broker does not acknowledge"
        if entries:
            outbox.remove(connection, entries)
            self.status.published += rows
            self.status.last_published_at = self.clock.now()
        self.status.state, self.status.error = "running", None
        return rows
