"""A limit on how many messages a stage takes a second, so that stages can be slowed apart."""

from __future__ import annotations

from lakehouse.clock import Clock


class Pace:
    """Allows `per_second` messages on average, and none ahead of a second; 0 is no limit.

    >>> from datetime import UTC, datetime
    >>> from lakehouse.clock import FixedClock
    >>> clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    >>> pace = Pace(10, clock)
    >>> pace.allowed(999)
    10
    >>> pace.spent(10)
    >>> pace.allowed(999)
    0
    >>> clock.advance(0.25)
    >>> pace.allowed(999)
    2
    """

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._per_second, self._clock = per_second, clock
        self._credit, self._at = per_second, clock.monotonic()

    def allowed(self, most: int) -> int:
        """How many messages may be taken now, at most `most`."""
        if not self._per_second:
            return most
        now = self._clock.monotonic()
        earned = (now - self._at) * self._per_second
        self._credit = min(max(self._per_second, 1.0), self._credit + earned)
        self._at = now
        return min(most, int(self._credit))

    def spent(self, messages: int) -> None:
        """Count messages that were taken."""
        self._credit -= messages
