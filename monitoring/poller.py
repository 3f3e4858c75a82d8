"""Watches the predictions table and the champion, and starts a run when either is new."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Protocol

import msgspec

from lakehouse.clock import Clock
from lakehouse.errors import CdrlakeError
from monitoring.cache import replace
from monitoring.errors import NotFoundError, NotReadyError

LOG = logging.getLogger(__name__)

MAX_BACKOFF_S = 600.0


class Cursor(msgspec.Struct, frozen=True):
    """What the last successful run looked at; None where there was nothing yet."""

    table: str | None
    version: int | None
    model_version: int | None


class Task(Protocol):
    """What a poller looks after."""

    def state(self) -> Cursor:
        """What there is to look at now."""
        ...

    def run(self) -> None:
        """Look at it; raise when that failed."""
        ...


class Poller:
    """Compares the present state with the cursor, and runs the task when they differ.

    The cursor moves only after a successful run, so a failed one is tried again, each time after
    twice the wait.
    """

    def __init__(self, task: Task, clock: Clock, interval_s: float, file: Path) -> None:
        self._task, self._clock = task, clock
        self._interval, self._file = interval_s, file
        self._failures = 0

    def forever(self, stop: threading.Event) -> None:
        """Look every interval until `stop` is set."""
        while not stop.is_set():
            self.step()
            self._clock.wait(stop, self.wait_s)

    @property
    def wait_s(self) -> float:
        """Seconds until the next look."""
        doubled = self._interval * 2.0 ** min(self._failures, 10)
        return min(doubled, max(MAX_BACKOFF_S, self._interval))

    def step(self) -> bool:
        """Look once; whether a run was made."""
        try:
            state = self._task.state()
            if state == self._cursor():
                LOG.info("No new data, waiting...")
                self._failures = 0
                return False
            LOG.info("New data found, triggering monitoring...")
            self._task.run()
        except (NotReadyError, NotFoundError) as error:
            LOG.info("nothing to monitor yet: %s", error)
        except CdrlakeError as error:
            self._failures += 1
            LOG.warning("monitoring will be tried again: %s", error)
        except Exception:
            self._failures += 1
            LOG.exception("monitoring failed and will be tried again")
        else:
            replace(self._file, msgspec.json.encode(state))
            self._failures = 0
            return True
        return False

    def _cursor(self) -> Cursor | None:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Cursor)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
