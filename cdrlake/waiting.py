"""Waiting for conditions, never for time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from lakehouse.clock import Clock
from lakehouse.errors import ServiceError

T = TypeVar("T")
POLL_S = 0.5


class Waiter:
    """Polls a condition until it holds, while `check` may raise if going on makes no sense."""

    def __init__(self, clock: Clock, timeout_s: float, check: Callable[[], None]) -> None:
        self._clock, self._timeout_s, self._check = clock, timeout_s, check
        self._never = threading.Event()

    def until(self, ask: Callable[[], T | None], what: str, poll_s: float = POLL_S) -> T:
        """The first answer of `ask` that is not None; `ServiceError` after the time-out."""
        deadline = self._clock.monotonic() + self._timeout_s
        while True:
            self._check()
            answer = ask()
            if answer is not None:
                return answer
            if self._clock.monotonic() > deadline:
                raise ServiceError(
                    what, f"within {self._timeout_s:.0f} s", "no end of it", "see `cdrlake status`"
                )
            self._clock.wait(self._never, poll_s)
