"""The producer as a process: polls the source and writes `topic_1`."""

from __future__ import annotations

import sys
import threading

from flaskapp.cards.producer import Fetch, Producer, over_http
from flaskapp.cards.unsent import Unsent
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings, load
from lakehouse.http import server
from lakehouse.pace import Pace
from lakehouse.publisher import Publisher


def source(settings: Settings) -> Fetch:
    """The source of the settings, or this installation's simulator, which alone gets its token."""
    chosen = settings.cards
    if chosen.source_url:
        return over_http(chosen.source_url)
    simulator = f"http://{chosen.host}:{chosen.source_port}/current-transactions"
    return over_http(f"{simulator}?n={chosen.source_rows}", settings.api.token)


def serve(settings: Settings, stop: threading.Event) -> None:
    """Produce until `stop`."""
    clock = SystemClock()
    unsent = Unsent(settings.state / "cards" / "unsent.db")
    pace = Pace(settings.cards.producer_rate, clock)
    publisher = Publisher(settings.kafka)
    producer = Producer(source(settings), unsent, publisher, clock, pace)
    try:
        producer.run(stop, settings.cards.poll_seconds)
    finally:
        unsent.close()


def main() -> int:
    """Produce until SIGTERM or Ctrl-C; returns 0 then, or 1 if something is refused."""
    return server.run(load, serve)


if __name__ == "__main__":
    sys.exit(main())
