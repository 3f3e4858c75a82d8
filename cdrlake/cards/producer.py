"""The producer as a process: polls the source and writes `topic_1`."""

from __future__ import annotations

import sys
import threading

from flaskapp.cards.producer import Producer, over_http
from flaskapp.cards.unsent import Unsent
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings, load
from lakehouse.http import server
from lakehouse.pace import Pace
from lakehouse.publisher import Publisher


def source_url(settings: Settings) -> str:
    """The source's address: that of the settings, or of this installation's simulator."""
    chosen = settings.cards
    simulator = f"http://127.0.0.1:{chosen.source_port}/current-transactions"
    return chosen.source_url or f"{simulator}?n={chosen.source_rows}"


def serve(settings: Settings, stop: threading.Event) -> None:
    """Produce until `stop`."""
    clock = SystemClock()
    unsent = Unsent(settings.state / "cards" / "unsent.db")
    pace = Pace(settings.cards.producer_rate, clock)
    publisher = Publisher(settings.kafka)
    producer = Producer(over_http(source_url(settings)), unsent, publisher, clock, pace)
    try:
        producer.run(stop, settings.cards.poll_seconds)
    finally:
        unsent.close()


def main() -> int:
    """Produce until SIGTERM or Ctrl-C; returns 0 then, or 1 if something is refused."""
    return server.run(load, serve)


if __name__ == "__main__":
    sys.exit(main())
