"""The simulator as a service: HTTP by waitress, the relay beside it, until SIGTERM."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from flaskapp.app import Parts, create_app, require_safe_address
from flaskapp.relay import Relay
from flaskapp.runner import Runner
from lakehouse import logs, mysql, web
from lakehouse.clock import SystemClock
from lakehouse.errors import CdrlakeError
from lakehouse.settings import Settings, load

LOG = logging.getLogger("flaskapp")
RELAY_STOP_S = 5.0


def serve(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop`; streams left running are resumed first."""
    require_safe_address(settings)
    clock = SystemClock()
    runner, relay = Runner(settings, clock), Relay(settings, clock, stop)
    app = create_app(Parts(settings, clock, runner, relay))
    relaying = threading.Thread(target=relay.run, name="relay")
    host, port = settings.simulator.host, settings.simulator.port
    with web.serving(app, host, port):
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
    """Read settings, serve, exit code."""
    logs.configure()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    try:
        serve(load(), stop)
    except (CdrlakeError, OSError) as error:
        LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
