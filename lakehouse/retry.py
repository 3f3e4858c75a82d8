"""One retry policy for everything: each wait is longer than the one before, up to a limit.

A loop that has done useful work since its last failure starts again with the shortest wait. The
waits are tenacity's; they go through the clock and end immediately when the process is told to
stop.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from tenacity import RetryCallState, Retrying, wait_exponential

from lakehouse.clock import Clock

FIRST_S, LONGEST_S = 0.5, 15.0


@dataclass
class Backoff:
    """The waits of one loop; `stop` ends them early.

    >>> from datetime import UTC, datetime
    >>> from lakehouse.clock import FixedClock
    >>> backoff = Backoff(FixedClock(datetime(2026, 1, 1, tzinfo=UTC)), threading.Event())
    >>> [backoff.wait() for _ in range(3)]
    [0.5, 1.0, 2.0]
    >>> backoff.reset()
    >>> backoff.wait()
    0.5
    """

    clock: Clock
    stop: threading.Event
    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    failures: int = field(default=0, init=False)

    @property
    def next_s(self) -> float:
        """How many seconds the next wait will take."""
        state = RetryCallState(Retrying(), None, (), {})
        state.attempt_number = self.failures + 1
        return float(wait_exponential(multiplier=self.first_s, max=self.longest_s)(state))

    def wait(self) -> float:
        """Wait after a failure; returns the intended seconds."""
        seconds = self.next_s
        self.failures += 1
        self.clock.wait(self.stop, seconds)
        return seconds

    def reset(self) -> None:
        """Record that the work is succeeding again."""
        self.failures = 0
