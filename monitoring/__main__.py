"""The monitoring service: `python -m monitoring`."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from waitress.server import create_server

from lakehouse import logs
from lakehouse.clock import SystemClock
from lakehouse.errors import CdrlakeError
from lakehouse.settings import Settings, load
from monitoring.wiring import wire

LOG = logging.getLogger("monitoring")
THREADS = 8


def serve(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop` is set."""
    parts = wire(settings, SystemClock())
    server = create_server(
        parts.app,
        host=settings.monitoring.host,
        port=settings.monitoring.port,
        threads=THREADS,
        ident=None,
    )
    web = threading.Thread(target=server.run, name="web", daemon=True)
    poller = threading.Thread(target=parts.poller.forever, args=(stop,), name="poller", daemon=True)
    web.start()
    poller.start()
    LOG.info("monitoring on http://%s:%s", settings.monitoring.host, settings.monitoring.port)
    stop.wait()
    server.close()


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; 0 then, 1 when the service cannot start."""
    logs.configure()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve(load(), stop)
    except (CdrlakeError, OSError) as error:
        LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
