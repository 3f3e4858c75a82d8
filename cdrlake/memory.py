"""Peak memory of all processes of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lakehouse.clock import Clock

SAMPLE_S = 2.0


class PeakMemory:
    """Context manager that samples `measure` (bytes) in a thread and keeps the highest value."""

    def __init__(self, measure: Callable[[], int], clock: Clock) -> None:
        self._measure, self._clock = measure, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peak-memory", daemon=True)
        self.peak_bytes = 0

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, self._measure())
            if self._clock.wait(self._stop, SAMPLE_S):
                return
