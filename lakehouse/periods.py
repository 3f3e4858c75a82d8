"""The two periods of a batch run: which dates to analyse, and which to prepare for the model.

They are in a JSON file that users know as `config.json`: `start_date` and `end_date` for the
analysis, `processed_start` and `processed_end` for the model, all inclusive.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lakehouse.errors import SettingsError, closest

KEYS = ("start_date", "end_date", "processed_start", "processed_end")
_DO = "write it as YYYY-MM-DD"


@dataclass(frozen=True)
class Period:
    """Dates from `first` to `last`, both inclusive."""

    first: date
    last: date


@dataclass(frozen=True)
class Periods:
    """The period to analyse and the period to prepare; the second defaults to the first."""

    analysis: Period
    processed: Period


def read(path: Path) -> Periods:
    """Read the file at `path`.

    Raises `SettingsError` for a missing file, broken JSON (with line and column), an unknown key,
    an impossible date, or an end before its start.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(path), "a readable file", str(error), "check the path") from None
    except json.JSONDecodeError as error:
        place = f"{path} line {error.lineno}, column {error.colno}"
        raise SettingsError(place, "valid JSON", error.msg, "no comments, no lost comma") from None
    if not isinstance(values, dict):
        raise SettingsError(str(path), "an object", type(values).__name__, f"give {KEYS}")
    for key in values:
        if key not in KEYS:
            raise SettingsError(str(path), "known keys", repr(key), closest(key, KEYS))
    analysis = _period(values, "start_date", "end_date", str(path))
    if "processed_start" not in values and "processed_end" not in values:
        return Periods(analysis, analysis)
    return Periods(analysis, _period(values, "processed_start", "processed_end", str(path)))


def choose(config: Path | None, first: str | None, last: str | None) -> Period:
    """The period to prepare, from two dates or from the file at `config`.

    Raises `SettingsError` like `read`, and for one date without the other.
    """
    if first is not None and last is not None:
        return of(first, last, "--start-date, --end-date")
    if first is None and last is None and config is not None:
        return read(config).processed
    raise SettingsError(
        "--start-date, --end-date", "both dates", "one of them", "give both, or --config alone"
    )


def of(first: str, last: str, where: str) -> Period:
    """A period from two texts; raises `SettingsError` like `read`.

    >>> of("2026-03-01", "2026-03-31", "--start-date").last
    datetime.date(2026, 3, 31)
    """
    start, end = _date(first, where), _date(last, where)
    if end < start:
        raise SettingsError(where, f"an end on {start} or later", str(end), "swap the two")
    return Period(start, end)


def _period(values: dict[str, Any], first: str, last: str, path: str) -> Period:
    for key in (first, last):
        if key not in values:
            raise SettingsError(path, f"the key {key}", "none", _DO)
    return of(values[first], values[last], f"{path}: {first}, {last}")


def _date(text: Any, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise SettingsError(where, "a real date", repr(text), _DO) from None
