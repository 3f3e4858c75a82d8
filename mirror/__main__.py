"""The mirror service: follows the lake until it is told to stop."""

from __future__ import annotations

import logging
import sys
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from confluent_kafka import KafkaException
from polars.exceptions import PolarsError

from lakehouse import logs, mysql
from lakehouse.clock import Clock, SystemClock
from lakehouse.domain import Mirror
from lakehouse.domains import DOMAINS
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import EXIT_FAILED, EXIT_PERMANENT, AccessError, CdrlakeError
from lakehouse.publisher import Publisher
from lakehouse.retry import Backoff
from lakehouse.stopping import stop_on_signals
from mirror.messages import RowPublisher
from mirror.sinks import MysqlSink
from mirror.sync import step

LOG = logging.getLogger("mirror")
IDLE_S = 0.5


def follow(settings: Settings, mirror: Mirror, stop: threading.Event, clock: Clock) -> None:
    """Repeat steps until `stop`; after a failure, wait (longer each time) and continue.

    Raises `AccessError` when Kafka refuses this client, which waiting does not fix.
    """
    backoff = Backoff(clock, stop)
    while not stop.is_set():
        try:
            # Another one after each failure: a producer that met a fatal error keeps it for ever.
            publish = RowPublisher(Publisher(settings.kafka), mirror.published).send
            with mysql.connect(settings.mysql) as connection:
                sink = MysqlSink(connection)
                while not stop.is_set():
                    rows = step(mirror, settings.lake_uri, sink, publish, settings.lake_options)
                    backoff.reset()
                    if rows:
                        LOG.info("%s: %s rows", mirror.name, rows)
                    else:
                        clock.wait(stop, IDLE_S)
        except AccessError:
            raise
        except (CdrlakeError, PolarsError, mysql.Error, KafkaException, OSError) as error:
            LOG.warning("%s: %s; trying again in %.1f s", mirror.name, error, backoff.next_s)
            backoff.wait()


def main() -> int:
    """Follow every mirror in its own thread; the exit code is above 0 if one of them ended."""
    logs.configure()
    settings, stop = load(), threading.Event()
    stop_on_signals(stop)
    mirrors = [mirror for domain in DOMAINS for mirror in domain.mirrors]
    with ThreadPoolExecutor(len(mirrors)) as threads:
        ends = [threads.submit(follow, settings, one, stop, SystemClock()) for one in mirrors]
        # One that fails in a way nobody foresaw must not leave the others looking healthy.
        wait(ends, return_when=FIRST_EXCEPTION)
        stop.set()
    failures = [end.exception() for end in ends if end.exception() is not None]
    for failure in failures:
        known = isinstance(failure, CdrlakeError)
        LOG.error("%s", failure, exc_info=None if known else failure)
    if any(isinstance(failure, AccessError) for failure in failures):
        return EXIT_PERMANENT
    return EXIT_FAILED if failures else 0


if __name__ == "__main__":
    sys.exit(main())
