"""A stream door as a process of its own, with the forest of the benchmark."""

from __future__ import annotations

import sys
import threading

from bench.alarm_model import Versions
from cdrlake.cards import door
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings, load
from lakehouse.http import server


def serve(settings: Settings, stop: threading.Event) -> None:
    """Decide until `stop`."""
    door.build(settings, Versions(), SystemClock()).run(stop)


if __name__ == "__main__":
    sys.exit(server.run(load, serve))
