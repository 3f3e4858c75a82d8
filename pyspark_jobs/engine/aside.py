"""Work alongside the supervisor's loop, in a thread that is polled and ends with Spark."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from pyspark import InheritableThread
from pyspark.sql import SparkSession

T = TypeVar("T")


class Aside(Generic[T]):
    """A function that runs in its own thread; its Spark jobs can be cancelled by name.

    The thread is a daemon: a process that was told to stop does not wait for it.
    """

    def __init__(self, spark: SparkSession, name: str, work: Callable[[], T]) -> None:
        self._spark, self._name, self._work = spark, name, work
        self._future: Future[T] = Future()
        self._thread: threading.Thread = InheritableThread(target=self._run, name=name)
        self._thread.daemon = True
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether it has ended, successfully or with an error."""
        return self._future.done()

    def result(self) -> T:
        """The function's result; raises whatever it raised."""
        return self._future.result()

    def cancel(self, patience_s: float) -> None:
        """Cancel its Spark jobs and give the thread a moment to end."""
        self._spark.sparkContext.cancelJobGroup(self._name)
        self._thread.join(patience_s)

    def _run(self) -> None:
        try:
            self._spark.sparkContext.setJobGroup(self._name, self._name)
            self._future.set_result(self._work())
        except BaseException as error:
            self._future.set_exception(error)
