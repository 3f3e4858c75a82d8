"""The monitoring service: `python -m monitoring`."""

from __future__ import annotations

from monitoring import memory  # noqa: F401  # isort: skip

import logging
import sys
import threading
from functools import partial

from lakehouse import ledger
from lakehouse.clock import SystemClock
from lakehouse.domains import DOMAINS
from lakehouse.domains.settings import Settings, load
from lakehouse.http import access, server
from monitoring import extension
from monitoring.wiring import wire

LOG = logging.getLogger("monitoring")


def serve(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set."""
    watched = [one for domain in DOMAINS for one in domain.scored if one.is_watched]
    count = partial(ledger.snapshot_of_all, settings, DOMAINS)
    clock = SystemClock()
    pages = extension.pages(DOMAINS, settings, clock)
    parts = wire(settings, clock, watched, count=count, pages=pages)
    host, port = settings.monitoring.host, settings.monitoring.port
    with server.serving(parts.app, host, port, access.max_body_bytes(settings.api)):
        for model in parts.models:
            name = f"poller of {model.name}"
            threading.Thread(
                target=model.poller.forever, args=(stop,), name=name, daemon=True
            ).start()
        LOG.info("monitoring on http://%s:%s", host, port)
        stop.wait()


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; returns 0 then, or 1 if the service cannot start."""
    return server.run(load, serve)


if __name__ == "__main__":
    sys.exit(main())
