"""The serving process: `python -m serving`."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path

from lakehouse import children, logs
from lakehouse.clock import SystemClock
from lakehouse.domains import DOMAINS
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import CdrlakeError
from lakehouse.http import hosts
from serving import wiring
from serving.rest import metrics, server
from serving.rest.app import App

LOG = logging.getLogger("serving")
# The variable that tells workers the folder which those of one service share.
SHARED = "SERVING_SHARED"


def create() -> App:
    """The application of this process, as a worker of `serve` imports it."""
    logs.configure()
    children.end_with_parent()
    file = Path(os.environ[SHARED]) / "champions"
    return wiring.application(load(), DOMAINS, SystemClock(), file)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that have begun are answered first."""
    serving = settings.serving
    has_key = bool(serving.api_keys) or settings.api.token is not None
    hosts.require_safe_address(has_key, "serving.host", serving.host)
    LOG.info("models on http://%s:%s", serving.host, serving.port)
    if serving.workers == 1:
        server.run(wiring.application(settings, DOMAINS, SystemClock(), None), serving)
        return
    with tempfile.TemporaryDirectory(prefix="cdrlake-serving-") as shared:
        os.environ |= {SHARED: shared, metrics.FOLDER: shared}
        server.run_workers("serving.__main__:create", serving)


def main() -> int:
    """Serve; returns 0 in the end, or 1 if the service cannot start."""
    logs.configure()
    try:
        serve(load())
    except (CdrlakeError, OSError) as error:
        LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
