"""A slow value: one asks, nobody waits longer than they said."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from lakehouse.background import Background
from lakehouse.clock import SystemClock

LONG_S = 10.0


class Counter:
    """Counts how often it was asked; each answer takes until it is let go."""

    def __init__(self) -> None:
        self.asked, self.go_on = 0, threading.Event()
        self.done = threading.Semaphore(0)

    def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        self.go_on.wait(LONG_S)
        self.done.release()
        return number


def test_without_patience_the_last_value_is_told_at_once() -> None:
    ask, clock = Counter(), SystemClock()
    known = Background(ask, 0, clock, max_age_s=0.0)
    assert [known.get() for _ in range(3)] == [0, 0, 0]
    assert ask.asked == 1, "one is asked for at a time"
    ask.go_on.set()
    assert ask.done.acquire(timeout=LONG_S)
    while known.get() == 0:
        clock.wait(threading.Event(), 0.01)


def test_with_patience_the_new_value_is_waited_for_by_all() -> None:
    ask = Counter()
    known = Background(ask, 0, SystemClock(), max_age_s=LONG_S, patience_s=LONG_S)
    with ThreadPoolExecutor(4) as pool:
        told = [pool.submit(known.get) for _ in range(4)]
        while not ask.asked:
            SystemClock().wait(threading.Event(), 0.01)
        ask.go_on.set()
        assert [one.result() for one in told] == [1, 1, 1, 1]
    assert known.get() == 1
    assert ask.asked == 1


def test_patience_ends_and_the_last_value_is_told() -> None:
    ask = Counter()
    known = Background(ask, 0, SystemClock(), max_age_s=LONG_S, patience_s=0.05)
    assert known.get() == 0
    ask.go_on.set()


def test_an_error_leaves_the_value_and_the_next_one_asks_again() -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        if len(asked) == 1:
            raise ValueError("away")
        return 7

    known = Background(ask, 0, SystemClock(), max_age_s=0.0, patience_s=LONG_S)
    assert (known.get(), known.get()) == (0, 7)
