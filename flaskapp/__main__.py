"""The simulator service: HTTP with cheroot and the relay alongside it, until SIGTERM."""

from __future__ import annotations

import logging
import sys
import threading

from flaskapp.app import create_app
from flaskapp.domains import sources
from flaskapp.parts import assemble
from flaskapp.runner import Runner
from lakehouse import mysql
from lakehouse.clock import SystemClock
from lakehouse.domains import DOMAINS
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import CdrlakeError
from lakehouse.http import access, server

LOG = logging.getLogger("flaskapp")
RELAY_STOP_S = 5.0


def serve(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop`; streams left running are resumed first."""
    clock = SystemClock()
    parts = assemble(settings, clock, sources(settings, clock), stop, DOMAINS)
    runner, relay, app = parts.runner, parts.relay, create_app(parts)
    relaying = threading.Thread(target=relay.run, name="relay")
    host, port = settings.simulator.host, settings.simulator.port
    with server.serving(app, host, port, access.max_body_bytes(settings.api)):
        relaying.start()
        LOG.info("simulator on http://%s:%s", host, port)
        _resume(runner, clock, stop)
        stop.wait()
    runner.close()
    relaying.join(RELAY_STOP_S)


def _resume(runner: Runner, clock: SystemClock, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            runner.resume()
            return
        except (CdrlakeError, mysql.Error) as error:
            LOG.warning("nothing resumed yet: %s", error)
        clock.wait(stop, 1.0)


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; returns 0 then, or 1 if the service cannot start."""
    return server.run(load, serve)


if __name__ == "__main__":
    sys.exit(main())
