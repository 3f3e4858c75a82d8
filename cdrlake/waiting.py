"""Waiting for conditions: for as long as something moves, not for a time that somebody guessed."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil

from lakehouse.clock import Clock, SystemClock
from lakehouse.errors import ServiceError

T = TypeVar("T")
POLL_S = 0.5
# What idles, a broker or a JVM between two batches, uses less of a processor than this.
BUSY_SHARE = 0.05
AT_MOST = 12


@dataclass(frozen=True)
class Signs:
    """What shows that work goes on: `seen`, any value that changes with it, and processor seconds.

    `phase` says in words where the work stands.
    """

    seen: object = None
    cpu_s: float = 0.0
    phase: str = ""

    def moved_since(self, earlier: Signs, seconds: float) -> bool:
        """Whether anything has moved in the `seconds` between the two.

        >>> Signs(cpu_s=9).moved_since(Signs(), 100), Signs(cpu_s=2).moved_since(Signs(), 100)
        (True, False)
        >>> Signs(seen="fold 2").moved_since(Signs(seen="fold 1"), 100)
        True
        """
        return self.seen != earlier.seen or self.cpu_s - earlier.cpu_s > BUSY_SHARE * seconds


def no_signs() -> Signs:
    """For work that gives no sign but its end."""
    return Signs()


def signs_of_family() -> Signs:
    """The processor time of this process and of everything that it has started."""
    own = psutil.Process(os.getpid())
    return Signs(cpu_s=cpu_seconds([own, *own.children(recursive=True)]))


def patiently(
    condition: Callable[[], bool], what: str, patience_s: float = 60.0, poll_s: float = 0.1
) -> None:
    """Wait until `condition` holds while any process started from here works, for tests and such.

    Asking is work as well, so there is an end: after `AT_MOST` patiences.
    """
    waiter = Waiter(SystemClock(), patience_s, signs=signs_of_family, at_most=AT_MOST)
    waiter.until(lambda: condition() or None, what, poll_s)


def patiently_ended(process: subprocess.Popen[Any], patience_s: float = 60.0) -> int:
    """The exit code of a process that is about to end, waited for like a condition."""
    patiently(lambda: process.poll() is not None, "the end of a process", patience_s)
    return int(process.returncode)


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Processor time that these processes have used; those that have ended count nothing."""
    used = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            used += times.user + times.system
    return used


class Waiter:
    """Polls a condition until it holds, while `check` may raise if going on makes no sense.

    It gives up when `signs` have shown no movement for `patience_s`, however long the work takes;
    with `at_most` patiences in all, where signs could go on without it.
    """

    def __init__(
        self,
        clock: Clock,
        patience_s: float,
        check: Callable[[], None] = lambda: None,
        signs: Callable[[], Signs] = no_signs,
        at_most: int | None = None,
    ) -> None:
        self._clock, self._patience_s, self._check = clock, patience_s, check
        self._signs, self._at_most = signs, at_most
        self._never = threading.Event()

    def until(self, ask: Callable[[], T | None], what: str, poll_s: float = POLL_S) -> T:
        """The first answer of `ask` that is not None; `ServiceError` when nothing moves any more.

        `what` continues "waited for", as in "the broker to answer".
        """
        seen, patiences = self._signs(), 1
        looked = self._clock.monotonic()
        while True:
            self._check()
            answer = ask()
            if answer is not None:
                return answer
            now = self._clock.monotonic()
            # Looked at once in a patience: to ask every process for its time is not cheap.
            if now - looked > self._patience_s:
                signs = self._signs()
                if patiences == self._at_most or not signs.moved_since(seen, now - looked):
                    raise self._given_up(what, signs)
                seen, looked, patiences = signs, now, patiences + 1
            self._clock.wait(self._never, poll_s)

    def _given_up(self, what: str, signs: Signs) -> ServiceError:
        at = f" (it stands at: {signs.phase})" if signs.phase else ""
        return ServiceError.sentence(
            f"Gave up waiting for {what}: nothing has moved for {self._patience_s:.0f} s{at}; "
            "`cdrlake status` and the logs say more.",
            where=what,
            got=signs.phase,
        )
