"""A value that is slow to get: one thread at a time fetches it, and no caller waits forever."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from lakehouse.clock import Clock

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Background(Generic[T]):
    """Fetches a value in a separate thread, at most once every `max_age_s` seconds."""

    def __init__(
        self,
        ask: Callable[[], T],
        first: T,
        clock: Clock,
        max_age_s: float,
        patience_s: float = 0.0,
    ) -> None:
        self._ask, self._clock = ask, clock
        self._max_age, self._patience = max_age_s, patience_s
        self._value = first
        self._asked: float | None = None
        self._lock = threading.Lock()
        self._is_known = threading.Event()
        self._is_known.set()

    def get(self) -> T:
        """The latest known value; if it is old, a newer one is already being fetched.

        It is waited for as long as `patience_s` seconds.
        """
        with self._lock:
            now = self._clock.monotonic()
            is_old = self._asked is None or now - self._asked >= self._max_age
            if is_old and self._is_known.is_set():
                self._asked = now
                self._is_known.clear()
                threading.Thread(target=self._refresh, name="background", daemon=True).start()
        if self._patience:
            self._clock.wait(self._is_known, self._patience)
        return self._value

    def _refresh(self) -> None:
        try:
            self._value = self._ask()
        except Exception:
            LOG.exception("a background value stays as it was")
        finally:
            self._is_known.set()
