"""A value that is slow to get, answered at once from what was known last."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from lakehouse.clock import Clock

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Background(Generic[T]):
    """Asks for a value in a thread of its own, at most once every `max_age_s` seconds."""

    def __init__(self, ask: Callable[[], T], first: T, clock: Clock, max_age_s: float) -> None:
        self._ask, self._clock, self._max_age = ask, clock, max_age_s
        self._value = first
        self._asked: float | None = None
        self._lock = threading.Lock()

    def get(self) -> T:
        """The latest value known; a newer one is on its way if this one is old."""
        now = self._clock.monotonic()
        if (self._asked is None or now - self._asked >= self._max_age) and self._lock.acquire(
            blocking=False
        ):
            self._asked = now
            threading.Thread(target=self._refresh, name="background", daemon=True).start()
        return self._value

    def _refresh(self) -> None:
        try:
            self._value = self._ask()
        except Exception:
            LOG.exception("a background value stays as it was")
        finally:
            self._lock.release()
