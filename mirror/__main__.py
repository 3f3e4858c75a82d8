"""The mirror as a service: follows the lake until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from confluent_kafka import KafkaException

from lakehouse import logs, mysql
from lakehouse.clock import Clock, SystemClock
from lakehouse.errors import CdrlakeError
from lakehouse.settings import Settings, load
from mirror.publish import Publisher
from mirror.sync import MIRRORS, Mirror, step

LOG = logging.getLogger("mirror")
IDLE_S = 0.5
MAX_BACKOFF_S = 15.0


def follow(settings: Settings, mirror: Mirror, stop: threading.Event, clock: Clock) -> None:
    """Repeat steps until `stop`; after a failure wait, each time longer, and go on."""
    backoff = IDLE_S
    publisher = Publisher(settings.kafka, mirror.contract)
    while not stop.is_set():
        try:
            with mysql.connect(settings.mysql) as connection:
                while not stop.is_set():
                    rows = step(
                        mirror, settings.lake_uri, connection, publisher.send, settings.lake_options
                    )
                    backoff = IDLE_S
                    if rows:
                        LOG.info("%s: %s rows", mirror.name, rows)
                    else:
                        clock.wait(stop, IDLE_S)
        except (CdrlakeError, mysql.Error, KafkaException, OSError) as error:
            LOG.warning("%s: %s; trying again in %.1f s", mirror.name, error, backoff)
            clock.wait(stop, backoff)
            backoff = min(backoff * 2, MAX_BACKOFF_S)


def main() -> int:
    """Follow every mirror in a thread of its own."""
    logs.configure()
    settings, stop = load(), threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    threads = [
        threading.Thread(
            target=follow, args=(settings, mirror, stop, SystemClock()), name=mirror.name
        )
        for mirror in MIRRORS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
