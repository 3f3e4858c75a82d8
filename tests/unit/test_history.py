"""The order in which a load of history commits what it writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

import polars as pl
import pytest

from flaskapp.cdr import history
from flaskapp.cdr.feed import Offset
from flaskapp.cdr.history import History
from flaskapp.cdr.sources import SourceDay

FIRST = date(2026, 3, 2)
DAYS = 3
PATIENCE_S = 0.3


@dataclass(frozen=True)
class Days:
    """A source of a few days with a row each."""

    name: str = "days"
    first: date = FIRST
    history_end: date = FIRST + timedelta(days=DAYS - 1)
    last: date = FIRST + timedelta(days=DAYS - 1)

    def days(self, first: date, last: date) -> Iterator[SourceDay]:
        for number in range((last - first).days + 1):
            rows = pl.DataFrame({"DP_MSISDN": ["49171000001"]})
            yield SourceDay(first + timedelta(days=number), rows, rows.clear())


def test_the_place_that_says_all_is_in_comes_after_the_last_outcomes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who finds that place after a kill has nothing left to tell."""
    source, committed, is_over = Days(), list[str](), threading.Event()

    def write(_: History, block: Any) -> Offset:
        reached = cast(Offset, block.reached)
        committed.append(f"usage up to {reached.date}")
        if reached.date > source.history_end:
            is_over.set()
        return reached

    def write_outcomes(_: History, closes: list[Any], _start: date) -> None:
        is_over.wait(PATIENCE_S)
        committed.append(f"outcomes of {len(closes)} days")

    def day_closes(*_: Any) -> Iterator[Any]:
        for day in source.days(source.first, source.history_end):
            yield history._DayClose(day.date, day, pl.DataFrame({"DP_MSISDN": ["49171000001"]}))

    monkeypatch.setattr(History, "_write", write)
    monkeypatch.setattr(History, "_write_outcomes", write_outcomes)
    monkeypatch.setattr(History, "_progress", lambda _: (Offset(FIRST), FIRST))
    monkeypatch.setattr(History, "_day_closes", day_closes)
    nothing = cast(Any, None)
    walk = History(nothing, source, "history", 100, nothing, nothing).walk()
    assert list(walk)[-1] == Offset(source.history_end + timedelta(days=1))
    assert committed == ["outcomes of 3 days", "usage up to 2026-03-05"]
