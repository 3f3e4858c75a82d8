"""Waiting ends when nothing moves any more, and not because a machine is slow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cdrlake.waiting import Signs, Waiter
from lakehouse.clock import FixedClock
from lakehouse.errors import ServiceError


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 6, 1, tzinfo=UTC))


def true_after(looks: int) -> Iterator[bool | None]:
    yield from [None] * looks
    yield True


def test_work_that_moves_may_take_any_time(clock: FixedClock) -> None:
    answers = true_after(1_000)
    waiter = Waiter(clock, 10, signs=lambda: Signs(seen=clock.monotonic()))
    assert waiter.until(lambda: next(answers), "its end", 1.0)
    assert clock.monotonic() == 1_000


def test_a_busy_processor_is_a_sign_and_an_idle_one_is_not(clock: FixedClock) -> None:
    answers = true_after(100)
    busy = Waiter(clock, 10, signs=lambda: Signs(cpu_s=0.2 * clock.monotonic()))
    assert busy.until(lambda: next(answers), "its end", 1.0)
    idle = Waiter(clock, 10, signs=lambda: Signs(cpu_s=0.02 * clock.monotonic()))
    with pytest.raises(ServiceError):
        idle.until(lambda: None, "its end", 1.0)


def test_what_stands_still_is_given_up_with_the_phase_in_which_it_does(clock: FixedClock) -> None:
    waiter = Waiter(clock, 10, signs=lambda: Signs(seen=1, phase="train fold 2 of 3"))
    said = r"waiting for the first model: nothing has moved for 10 s \(it stands at: train fold 2"
    with pytest.raises(ServiceError, match=said):
        waiter.until(lambda: None, "the first model", 1.0)
    assert clock.monotonic() == pytest.approx(11)


def test_signs_that_never_end_do_not_keep_it_waiting_for_ever(clock: FixedClock) -> None:
    waiter = Waiter(clock, 10, signs=lambda: Signs(seen=clock.monotonic()), at_most=3)
    with pytest.raises(ServiceError):
        waiter.until(lambda: None, "its end", 1.0)
    assert clock.monotonic() == pytest.approx(33)
