"""Wait until every row of the source is in Kafka, so that a backfill sees all of the history."""

from __future__ import annotations

import logging
import sys
import threading

from lakehouse import ledger, logs
from lakehouse.clock import SystemClock
from lakehouse.domains import settings
from lakehouse.errors import CdrlakeError

LOG = logging.getLogger("relayed")
POLL_S = 2.0


def main() -> int:
    """Exit code 0 once nothing waits, 1 when the database cannot be asked."""
    logs.configure()
    loaded, clock, never = settings.load(), SystemClock(), threading.Event()
    try:
        while left := ledger.waiting(loaded):
            LOG.info("%s rows wait for the relay", f"{left:,}")
            clock.wait(never, POLL_S)
    except CdrlakeError as error:
        LOG.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
