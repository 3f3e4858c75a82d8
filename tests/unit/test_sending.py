"""Which days live streams close, and how a drift of theirs grows."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flaskapp import state, streams
from flaskapp.cdr import event_store, feed, sending
from flaskapp.cdr.sending import CdrContext, CdrRequest, first_to_close
from lakehouse.domains.cdr.settings import CdrSettings
from lakehouse.domains.settings import Settings

CDR = CdrSettings(label_horizon_days=30)
FIRST = date(2026, 5, 1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("gap", "first"),
    [(0, 1), (1, 1), (29, 1), (30, 61), (200, 231)],
)
def test_a_horizon_without_anybody_decides_nothing(gap: int, first: int) -> None:
    """Closing days 30 after the first live one, for its outcomes are the first to be known."""
    live_from = FIRST + DAY + gap * DAY
    assert first_to_close(FIRST, live_from, CDR) == FIRST + first * DAY
    later = FIRST + 400 * DAY
    assert first_to_close(later, live_from, CDR) == later + DAY


def closed_by(
    monkeypatch: pytest.MonkeyPatch, now: datetime, timezone: str, closed: date
) -> list[date]:
    days: list[date] = []
    monkeypatch.setattr(state, "recall", lambda *_: closed.isoformat())
    monkeypatch.setattr(streams, "first_live", lambda *_: datetime(2026, 5, 1, 9, tzinfo=UTC))
    monkeypatch.setattr(event_store, "close_day", lambda _c, _s, day, *_: days.append(day))
    settings = Settings(timezone=timezone)
    context = SimpleNamespace(cursor=nullcontext(), settings=settings, commit=lambda: None)
    stream = SimpleNamespace(stream_id="live")
    sending._close_past_days(cast(CdrContext, context), cast(Any, stream), now)
    return days


@pytest.mark.parametrize(
    ("now", "timezone", "days"),
    [
        (datetime(2026, 5, 3, 23, 59, tzinfo=UTC), "UTC", [2]),
        (datetime(2026, 5, 4, 0, 4, 59, tzinfo=UTC), "UTC", [2]),
        (datetime(2026, 5, 4, 0, 5, 0, tzinfo=UTC), "UTC", [2, 3]),
        (datetime(2026, 5, 3, 15, 4, tzinfo=UTC), "Asia/Tokyo", [2]),
        (datetime(2026, 5, 3, 15, 6, tzinfo=UTC), "Asia/Tokyo", [2, 3]),
    ],
)
def test_a_day_is_closed_once_no_live_row_can_be_dated_on_it(
    monkeypatch: pytest.MonkeyPatch, now: datetime, timezone: str, days: list[int]
) -> None:
    found = closed_by(monkeypatch, now, timezone, FIRST)
    assert found == [date(2026, 5, day) for day in days]


@pytest.mark.parametrize(
    ("place", "is_over"), [(None, True), (FIRST, False), (FIRST + 9 * DAY, False)]
)
def test_a_source_that_never_began_brings_no_days(
    monkeypatch: pytest.MonkeyPatch, place: date | None, is_over: bool
) -> None:
    """As after a file alone was loaded: it is another source than the configured one."""
    kept = {"place:world": None if place is None else [place.isoformat(), 0]}
    monkeypatch.setattr(state, "recall", lambda _cursor, name: kept.get(name))
    source = SimpleNamespace(name="world", first=FIRST, last=FIRST + 9 * DAY)
    monkeypatch.setattr(sending, "open_source", lambda *_: source)
    context = cast(CdrContext, SimpleNamespace(settings=None, clock=None))
    assert sending._has_ended(None, context) is is_over
    assert feed.has_begun(None, cast(Any, source)) is (place is not None)


def test_a_fade_grows_from_batch_to_batch_and_a_change_of_units_does_not() -> None:
    fade = [sending._effect(CdrRequest(drift="gradual_fade"), n).calls for n in (0, 1, 500)]
    assert fade == [pytest.approx(0.99), pytest.approx(0.99**2), 0.5]
    assert sending._effect(CdrRequest(drift="unit_change"), 7).volume == 1024
    assert sending._effect(CdrRequest(), 7).volume == 1
