"""Watches the predictions table and the champion, and starts a run when either changes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Protocol

import msgspec

from lakehouse.clock import Clock
from lakehouse.errors import CdrlakeError
from lakehouse.files import replace
from lakehouse.retry import Backoff
from monitoring.errors import NotFoundError, NotReadyError

LOG = logging.getLogger(__name__)

MAX_BACKOFF_S = 600.0


class Cursor(msgspec.Struct, frozen=True):
    """What the last successful run looked at; None if there was nothing yet."""

    table: str | None
    version: int | None
    model_version: int | None


class Task(Protocol):
    """The task of a poller."""

    def observe(self) -> None:
        """Process what is new between runs."""
        ...

    def state(self) -> Cursor:
        """What there is to look at now; has no side effects."""
        ...

    def run(self) -> None:
        """Look at it; raises on failure."""
        ...


class Poller:
    """Compares the present state with the cursor, and runs the task when they differ.

    The cursor only moves after a successful run, so a failed one is retried, each time after twice
    the wait. `failure` is the error that ended `forever`, if any.
    """

    def __init__(self, task: Task, clock: Clock, interval_s: float, file: Path) -> None:
        self._task, self._clock = task, clock
        self._interval, self._file = interval_s, file
        self._has_failed = False
        self.failure: BaseException | None = None

    def forever(self, stop: threading.Event) -> None:
        """Check every interval until `stop` is set."""
        longest = max(MAX_BACKOFF_S, self._interval)
        backoff = Backoff(self._clock, stop, min(2 * self._interval, longest), longest)
        try:
            while not stop.is_set():
                self.step()
                if self._has_failed:
                    backoff.wait()
                else:
                    backoff.reset()
                    self._clock.wait(stop, self._interval)
        except BaseException as error:
            self.failure = error
            LOG.critical("monitoring no longer looks for new data: %s", error)
            raise

    def step(self) -> bool:
        """Check once; returns whether a run was made."""
        self._has_failed = False
        try:
            self._task.observe()
            state = self._task.state()
            if state == self._cursor():
                LOG.info("No new data, waiting...")
                return False
            LOG.info("New data found, triggering monitoring...")
            self._task.run()
        except (NotReadyError, NotFoundError) as error:
            LOG.info("nothing to monitor yet: %s", error)
        except CdrlakeError as error:
            self._has_failed = True
            LOG.warning("monitoring failed and will be tried again: %s", error)
        except Exception:
            self._has_failed = True
            LOG.exception("monitoring failed and will be tried again")
        else:
            replace(self._file, msgspec.json.encode(state))
            return True
        return False

    def _cursor(self) -> Cursor | None:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Cursor)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
