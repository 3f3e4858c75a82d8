"""A door in a process of its own, for tests that kill it."""

from __future__ import annotations

import sys
import threading

from cdrlake.cards import door
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings, load
from lakehouse.http import server
from tests.integration.cards_plant import Versions


def serve(settings: Settings, stop: threading.Event) -> None:
    """Decide until `stop`, with the model of the tests."""
    door.build(settings, Versions(), SystemClock()).run(stop)


if __name__ == "__main__":
    sys.exit(server.run(load, serve))
