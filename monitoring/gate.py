"""One run at a time: a caller that requests the run in progress waits and shares its result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from monitoring.errors import ConflictError

T = TypeVar("T")


class Gate(Generic[T]):
    """Runs a function for one key at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[Hashable, Future[T]] | None = None

    def run(self, key: Hashable, function: Callable[[], T]) -> T:
        """The result of `function`, or of a run with the same key that is already in progress.

        Raises `ConflictError` while a run with another key is in progress, and whatever `function`
        raises.
        """
        with self._lock:
            joined = self._running
            if joined is None:
                future: Future[T] = Future()
                self._running = (key, future)
        if joined is None:
            return self._own(future, function)
        if joined[0] != key:
            raise ConflictError.sentence(
                "A run with other parameters is under way; try again in a few seconds.",
                where="/run-monitoring",
            )
        return joined[1].result()

    def _own(self, future: Future[T], function: Callable[[], T]) -> T:
        try:
            result = function()
        except BaseException as error:
            self._finish()
            future.set_exception(error)
            raise
        self._finish()
        future.set_result(result)
        return result

    def _finish(self) -> None:
        with self._lock:
            self._running = None
