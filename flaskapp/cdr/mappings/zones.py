"""Time zones and formats of time, checked before the first line is read."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
from polars.exceptions import PolarsError

from lakehouse.errors import closest

_OFFSET = re.compile(r"%[:#]*z")
_SAMPLE = datetime(2026, 11, 20, 13, 0, 0, tzinfo=UTC)


def has_offset(form: str) -> bool:
    """Whether a format of time has the offset from UTC.

    >>> has_offset("%H:%M%:z"), has_offset("%H:%M")
    (True, False)
    """
    return _OFFSET.search(form) is not None


def require_zone(name: str) -> str:
    """The name of a zone that every part of the system knows; raises `ValueError` for any other."""
    try:
        ZoneInfo(name)
        pl.Series([], dtype=pl.Datetime("ms")).dt.replace_time_zone(name)
    except (PolarsError, ValueError, OSError):  # what zoneinfo does not find is no ValueError
        _refuse(name)
    except KeyError:  # ZoneInfoNotFoundError
        _refuse(name)
    return name


def _refuse(name: str) -> None:
    raise ValueError(f"an IANA time zone; {closest(name, available_timezones())}") from None


def require_format(form: str) -> str:
    """A format that reads a date back as it wrote it; raises `ValueError` for any other."""
    zone = "UTC" if has_offset(form) else None
    sample = pl.Series([_SAMPLE if zone else _SAMPLE.replace(tzinfo=None)])
    try:
        read = sample.dt.strftime(form.replace("%#z", "%:z")).str.to_datetime(
            form, time_unit="ms", strict=False
        )
    except PolarsError:
        raise ValueError("a format of a date, and of hours and minutes or neither") from None
    if read[0] is None or read[0].date() != _SAMPLE.date():
        raise ValueError("a format of a date with its day, month and year")
    return form


@lru_cache(100_000)
def day_start(day: date, zone: str) -> datetime:
    """The first moment of a day, which where the clocks skip midnight is later than midnight.

    >>> day_start(date(2026, 9, 6), "America/Santiago").isoformat()
    '2026-09-06T04:00:00+00:00'
    """
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
