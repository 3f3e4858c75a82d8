"""What a process and all its descendants use: processor, memory, disk."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import psutil

from lakehouse.clock import SystemClock

SAMPLE_S = 0.2
MIB = 2**20


def own_peak_mib() -> float:
    """The most memory that this process has had, in MiB.

    `getrusage` does not say: its peak begins with that of the process which forked this one.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024


class Sampler:
    """Context manager that adds up what this process and all its descendants use meanwhile."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._cpu: dict[tuple[int, float], float] = {}
        self._written: dict[tuple[int, float], int] = {}
        self._before = (0.0, 0)
        self.peak_mib = self.own_peak_mib = 0.0

    def __enter__(self) -> Sampler:
        self._sample()
        self._before = self._totals()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    @property
    def used(self) -> tuple[float, float]:
        """Processor seconds and MiB written since the block began."""
        cpu, written = self._totals()
        return cpu - self._before[0], (written - self._before[1]) / MIB

    def _totals(self) -> tuple[float, int]:
        return sum(self._cpu.values()), sum(self._written.values())

    def _run(self) -> None:
        clock = SystemClock()
        while not clock.wait(self._stop, SAMPLE_S):
            self._sample()

    def _sample(self) -> None:
        memory, this = dict[int, float](), psutil.Process()
        for process in (this, *this.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                key, times = (process.pid, process.create_time()), process.cpu_times()
                self._cpu[key] = times.user + times.system
                self._written[key] = process.io_counters().write_bytes
                # Shared pages, as of libraries, count once, as they do for a container.
                memory[process.pid] = process.memory_full_info().pss / MIB
        self.peak_mib = max(self.peak_mib, sum(memory.values()))
        self.own_peak_mib = max(self.own_peak_mib, memory.get(this.pid, 0.0))
