"""The recorder as a process: `topic_2` into the database."""

from __future__ import annotations

import sys
import threading

from flaskapp.cards.record import Recorder
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings, load
from lakehouse.http import server


def serve(settings: Settings, stop: threading.Event) -> None:
    """Record until `stop`."""
    Recorder(settings, SystemClock(), stop).run()


def main() -> int:
    """Record until SIGTERM or Ctrl-C; returns 0 then, or 1 if something is refused."""
    return server.run(load, serve)


if __name__ == "__main__":
    sys.exit(main())
