"""Work handed to a separate thread, in order, with a few pieces queued.

A piece may rely on those before it: after one that failed, no other is started.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

DEPTH = 2


class SerialExecutor:
    """One thread with a bounded queue; a caller that is ahead waits, and sees earlier errors."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._pending: deque[Future[Any]] = deque()
        self._has_failed = False
        self.done: Any = None

    def submit(self, work: Callable[[], Any]) -> None:
        """Hand over a piece of work. Raises what an earlier piece raised."""
        while len(self._pending) >= DEPTH:
            self._settle()
        self._pending.append(self._executor.submit(self._run, work))

    def finish(self) -> None:
        """Wait for all work; `done` is then the last result. Raises what a piece raised."""
        while self._pending:
            self._settle()

    def close(self) -> None:
        """End the thread after the current piece; pieces not yet started are dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _run(self, work: Callable[[], Any]) -> Any:
        if self._has_failed:
            return self.done
        try:
            return work()
        except BaseException:
            self._has_failed = True
            raise

    def _settle(self) -> None:
        self.done = self._pending.popleft().result()
