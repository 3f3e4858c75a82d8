"""How rows are cut into chunks: by day, by week, or every so many rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, groupby

from lakehouse.errors import MonitoringError

MIN_ROWS, MAX_ROWS = 50, 1_000_000


@dataclass(frozen=True)
class Period:
    """A day, a week from Monday on, or `rows` rows.

    >>> Period.parse("500").rows
    500
    """

    text: str
    rows: int = 0

    @classmethod
    def parse(cls, text: str) -> Period:
        """`D`, `W` or a number of rows. Raises `MonitoringError` for anything else."""
        if text in ("D", "W"):
            return cls(text)
        if (
            text.isascii()
            and text.isdecimal()
            and len(text) < 9
            and MIN_ROWS <= int(text) <= MAX_ROWS
        ):
            return cls(str(int(text)), int(text))
        needed = f"D, W or a number of rows from {MIN_ROWS} to {MAX_ROWS}"
        raise MonitoringError("period", needed, repr(text[:20]), "give one of these")


@dataclass(frozen=True)
class Day:
    """Rows of one date, and a mark that differs whenever any of them changed."""

    date: date
    rows: int
    mark: str


@dataclass(frozen=True)
class Chunk:
    """`rows` rows in order of date and user, from row `skip` of date `start` on."""

    key: str
    start: date
    end: date
    skip: int
    rows: int
    stamp: str


def plan(days: Sequence[Day], period: Period) -> list[Chunk]:
    """Chunks of these days (in order); each ends where the next begins."""
    if period.rows:
        return list(_by_rows(days, period.rows))
    groups = groupby(days, key=lambda day: _first_date(day.date, period))
    return [_whole(key, list(group), period) for key, group in groups]


def batches(chunks: Sequence[Chunk], rows: int) -> Iterator[list[Chunk]]:
    """Neighbouring chunks together, as many as fit into `rows`, but always at least one."""
    batch: list[Chunk] = []
    for chunk in chunks:
        if batch and sum(c.rows for c in batch) + chunk.rows > rows:
            yield batch
            batch = []
        batch.append(chunk)
    if batch:
        yield batch


def _first_date(day: date, period: Period) -> date:
    return day - timedelta(days=day.weekday()) if period.text == "W" else day


def _whole(first: date, days: list[Day], period: Period) -> Chunk:
    start, end = days[0].date, days[-1].date
    key = start.isoformat() if period.text == "D" else f"{first.isoformat()}/W"
    return Chunk(key, start, end, 0, sum(day.rows for day in days), _stamp(days))


def _by_rows(days: Sequence[Day], size: int) -> Iterator[Chunk]:
    ends = list(accumulate(day.rows for day in days))
    total = ends[-1] if ends else 0
    day = 0
    for first in range(0, total, size):
        last = min(first + size, total)
        while ends[day] <= first:
            day += 1
        until = day
        while ends[until] < last:
            until += 1
        skip = first - (ends[day] - days[day].rows)
        start, end = days[day].date, days[until].date
        stamp = _stamp(days[day : until + 1])
        yield Chunk(f"{start.isoformat()}+{skip}", start, end, skip, last - first, stamp)


def _stamp(days: Sequence[Day]) -> str:
    text = "\n".join(f"{day.date} {day.rows} {day.mark}" for day in days)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
