"""Query parameters of a run, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from lakehouse.errors import MonitoringError, closest
from monitoring.chunks import Period
from monitoring.errors import RequestError
from monitoring.monitor import Request

PARAMETERS = ("start_date", "end_date", "model_version", "period")
MAX_VERSION = 2**31 - 1
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$", re.ASCII)


def parse_run(args: Mapping[str, str]) -> Request:
    """The run that is asked for. Raises `RequestError` that names the parameter."""
    for name in args:
        if name not in PARAMETERS:
            raise _refused(
                "query", f"only {', '.join(PARAMETERS)}", name, closest(name, PARAMETERS)
            )
    start, end = _date(args, "start_date"), _date(args, "end_date")
    if start and end and end < start:
        raise _refused("end_date", f"a date from {start} on", str(end), "swap the two")
    return Request(start, end, _version(args), _period(args))


def parse_limit(text: str | None, default: int, maximum: int) -> int:
    """A number of rows. Raises `RequestError` unless it is from 1 to `maximum`."""
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= maximum):
        raise _refused("limit", f"a whole number from 1 to {maximum}", text, "correct it")
    return int(text[:9])


def _date(args: Mapping[str, str], name: str) -> date | None:
    text = args.get(name)
    if text is None:
        return None
    try:
        if _DATE.match(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _refused(name, "a date like 2026-01-31", text, "correct it")


def _version(args: Mapping[str, str]) -> int | None:
    text = args.get("model_version")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:11]) <= MAX_VERSION):
        raise _refused("model_version", "a whole number from 1 on", text, "see /runs")
    return int(text[:11])


def _period(args: Mapping[str, str]) -> Period | None:
    text = args.get("period")
    try:
        return None if text is None else Period.parse(text)
    except MonitoringError as error:
        raise RequestError(error.where, error.needed, error.got, error.do) from None


def _refused(where: str, needed: str, got: str, do: str) -> RequestError:
    return RequestError(where, needed, repr(got[:40]), do)
