"""Outcomes out of days of activity, and work that is handed to another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaskapp.cdr.activity import Activity
from flaskapp.serial_executor import SerialExecutor
from lakehouse.domains.cdr.settings import CdrSettings

FIRST = date(2026, 3, 2)
CDR = CdrSettings(label_horizon_days=4, active_window_days=2)
PEOPLE = [f"4917100000{number}" for number in range(5)]


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@given(st.lists(st.sets(st.sampled_from(PEOPLE)), min_size=12, max_size=12))
@settings(max_examples=60, deadline=None)
def test_outcomes_are_silence_over_the_horizon_of_those_active_before(days: list[set[str]]) -> None:
    activity = Activity(CDR)
    for number, active in enumerate(days):
        activity.add(day(number), pl.Series(sorted(active), dtype=pl.String))
        if (asked := number - 4) >= 0:
            people = sorted(days[asked] | (days[asked - 1] if asked else set()))
            later = set[str]().union(*days[asked + 1 : asked + 5])
            expected = [(person, int(person not in later)) for person in people]
            assert activity.outcomes(day(asked)).rows() == expected


def test_the_window_grows_with_its_subscribers() -> None:
    activity = Activity(CDR)
    numbers = pl.Series([f"49171{number:06}" for number in range(5_000)])
    for number in range(5):
        activity.add(day(number), numbers.gather_every(number + 1))
    found = activity.outcomes(day(0))
    assert found.height == 5_000
    stays = sum(any(n % step == 0 for step in (2, 3, 4, 5)) for n in range(5_000))
    assert found["PSEUDO_CHURNED"].sum() == 5_000 - stays


def test_a_lane_works_in_order_and_begins_nothing_after_a_failure() -> None:
    seen: list[int] = []
    gate = threading.Event()

    def piece(number: int) -> Callable[[], int]:
        def work() -> int:
            gate.wait(10)
            if number == 1:
                raise ValueError("one")
            seen.append(number)
            return number

        return work

    with closing(SerialExecutor("test")) as lane:
        lane.submit(piece(0))
        lane.submit(piece(1))
        gate.set()
        lane.submit(piece(2))
        with pytest.raises(ValueError, match="one"):
            lane.submit(piece(3))
        lane.finish()
    assert seen == [0]


def test_a_lane_tells_its_last_result() -> None:
    with closing(SerialExecutor("test")) as lane:
        for number in range(5):
            lane.submit(lambda number=number: number)  # type: ignore[misc]
        lane.finish()
        assert lane.done == 4
