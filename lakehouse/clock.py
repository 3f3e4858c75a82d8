"""Time as an argument: the system clock in production, a controlled one in tests."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """The only source of time in the project."""

    def now(self) -> datetime:
        """The present moment, timezone-aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for durations and deadlines."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set or `seconds` have passed; true if it was set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Block on `event` for at most `seconds`."""
        return event.wait(seconds)


class FixedClock:
    """A clock that stands still until it is told to move.

    >>> clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    >>> clock.wait(threading.Event(), 5)
    False
    >>> clock.now().second
    5
    """

    def __init__(self, moment: datetime) -> None:
        self._moment = moment
        self._elapsed = 0.0

    def now(self) -> datetime:
        """The moment that was set."""
        return self._moment

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Advance by `seconds` at once, unless `event` is already set."""
        if event.is_set():
            return True
        self.advance(seconds)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Move time forward."""
        self._moment += timedelta(seconds=seconds)
        self._elapsed += seconds


def today(clock: Clock, timezone: str) -> date:
    """The calendar date at this moment in `timezone` (an IANA name)."""
    return clock.now().astimezone(ZoneInfo(timezone)).date()
