"""From the database to Kafka: the verdicts of investigators, as long as the service runs."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from confluent_kafka import KafkaException

from flaskapp.cards import verdicts
from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.errors import CdrlakeError
from lakehouse.publisher import Publisher
from lakehouse.retry import Backoff
from lakehouse.settings import Settings

LOG = logging.getLogger(__name__)
IDLE_S = 0.5


@dataclass
class Relay:
    """Sends verdicts to Kafka; those that cannot be sent wait in the database.

    `problem` is read by other threads: what is wrong now, if anything.
    """

    settings: Settings
    clock: Clock
    stop: threading.Event
    problem: str | None = None

    def run(self) -> None:
        """Send until `stop`."""
        publisher, backoff = None, Backoff(self.clock, self.stop)
        while not self.stop.is_set():
            try:
                publisher = publisher or Publisher(self.settings.kafka)
                with mysql.connect(self.settings.mysql) as connection:
                    moved = verdicts.relay(connection, publisher)
            except Exception as error:  # whatever it is, a relay that ends would be worse
                known = isinstance(error, CdrlakeError | mysql.Error | KafkaException)
                LOG.warning("verdicts wait: %s", error, exc_info=None if known else error)
                self.problem = f"verdicts wait: {error}"
                backoff.wait()
                continue
            self.problem = None
            backoff.reset()
            if not moved:
                self.clock.wait(self.stop, IDLE_S)
