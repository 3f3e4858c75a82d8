"""Peak memory of all processes of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lakehouse.clock import Clock

SAMPLE_S = 2.0


class PeakMemory:
    """Context manager that samples `measure` (bytes by process) in a thread.

    `peak_bytes` is the highest sum, `at_peak` how it was made up.
    """

    def __init__(self, measure: Callable[[], dict[str, int]], clock: Clock) -> None:
        self._measure, self._clock = measure, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peak-memory", daemon=True)
        self.at_peak: dict[str, int] = {}

    @property
    def peak_bytes(self) -> int:
        """The highest sum so far."""
        return sum(self.at_peak.values())

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self.at_peak = max(self.at_peak, self._measure(), key=lambda one: sum(one.values()))
            if self._clock.wait(self._stop, SAMPLE_S):
                return
