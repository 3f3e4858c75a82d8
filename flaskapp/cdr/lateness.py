"""Whether the lake would reject rows as too late, checked before they are stored.

The lake rejects a day that is more than `cdr.allowed_lateness_days` before the latest one it has
seen. It only sees what this installation's database has sent, so its latest date is known before a
row is stored, and rows that would end up in quarantine are refused instead.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from lakehouse.domains.cdr import names
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError

_NEWEST = f"SELECT MAX(Date) FROM {names.MYSQL_RAW}"  # noqa: S608
REMEDY = "load the older days before anything newer, which means to begin afresh: `cdrlake reset`"


class TooLateError(StreamError):
    """Rows that the lake would refuse, because it has seen a much later day."""


def oldest_allowed(cursor: Any, settings: Settings) -> date | None:
    """The first day that the lake still accepts; None while it accepts any."""
    newest = _newest(cursor)
    return None if newest is None else newest - _lateness(settings)


def refusal(cursor: Any, settings: Settings, day: date, what: str) -> str | None:
    """A sentence saying why the lake would refuse rows of `day`; None if it would not.

    `what` begins the sentence, such as "This replay".
    """
    newest = _newest(cursor)
    if newest is None or day >= newest - _lateness(settings):
        return None
    allowed = settings.cdr.allowed_lateness_days
    return (
        f"{what} begins with {day}, and the newest row that is stored is of {newest}: the lake "
        f"takes days up to {allowed} before that (cdr.allowed_lateness_days) and would put older "
        f"ones into quarantine as too_late. Nothing is stored; {REMEDY}."
    )


def require(cursor: Any, settings: Settings, day: date, what: str) -> None:
    """Raise `TooLateError` if the lake would refuse rows of `day`."""
    problem = refusal(cursor, settings, day, what)
    if problem is not None:
        raise TooLateError.sentence(problem)


def _newest(cursor: Any) -> date | None:
    cursor.execute(_NEWEST)
    newest: date | None = cursor.fetchone()[0]
    return newest


def _lateness(settings: Settings) -> timedelta:
    return timedelta(days=settings.cdr.allowed_lateness_days)
