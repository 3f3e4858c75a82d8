"""How rows are split into chunks: by day, week, hours or minutes, or by number of rows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, groupby

from lakehouse.errors import MonitoringError

MIN_ROWS, MAX_ROWS = 50, 1_000_000
MAX_MINUTES = 7 * 24 * 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTH = re.compile(r"([0-9]{0,5})(H|min)", re.ASCII)
_ROWS = re.compile(r"[0-9]{1,8}", re.ASCII)


@dataclass(frozen=True)
class Period:
    """A day, a week from Monday on, `minutes` minutes, or `rows` rows.

    >>> Period.parse("500").rows, Period.parse("6H").minutes
    (500, 360)
    """

    text: str
    rows: int = 0
    minutes: int = 0

    @classmethod
    def parse(cls, text: str) -> Period:
        """`D`, `W`, `6H`, `30min` or a number of rows. Raises `MonitoringError` for others."""
        if text in ("D", "W"):
            return cls(text)
        if (length := _LENGTH.fullmatch(text)) is not None:
            minutes = int(length[1] or 1) * (60 if length[2] == "H" else 1)
            if 1 <= minutes <= MAX_MINUTES:
                return cls(text, minutes=minutes)
        if _ROWS.fullmatch(text) and MIN_ROWS <= int(text) <= MAX_ROWS:
            return cls(str(int(text)), rows=int(text))
        needed = (
            "D, W, hours as in 6H, minutes as in 30min, or a number of rows from "
            f"{MIN_ROWS} to {MAX_ROWS}"
        )
        raise MonitoringError("period", needed, repr(text[:20]), "give one of these")

    def first(self, bucket: date) -> date:
        """The start of the period that a bucket belongs to."""
        if self.minutes and isinstance(bucket, datetime):
            return floor(bucket, timedelta(minutes=self.minutes))
        day = bucket.date() if isinstance(bucket, datetime) else bucket
        return day - timedelta(days=day.weekday()) if self.text == "W" else day


@dataclass(frozen=True)
class Bucket:
    """Rows of one bucket, and a mark that changes whenever any of them does."""

    start: date
    rows: int
    mark: str


@dataclass(frozen=True)
class Chunk:
    """`rows` rows in order of time and entity, from row `skip` of bucket `start` on.

    `end` is the last bucket that it has rows of.
    """

    key: str
    start: date
    end: date
    skip: int
    rows: int
    stamp: str


def plan(buckets: Sequence[Bucket], period: Period) -> list[Chunk]:
    """Chunks made of these buckets (in order); each ends where the next begins."""
    if period.rows:
        return list(_by_rows(buckets, period.rows))
    groups = groupby(buckets, key=lambda bucket: period.first(bucket.start))
    return [_whole(first, list(group), period) for first, group in groups]


def batches(chunks: Sequence[Chunk], rows: int) -> Iterator[list[Chunk]]:
    """Groups of neighbouring chunks, as many as fit into `rows`, but always at least one."""
    batch: list[Chunk] = []
    for chunk in chunks:
        if batch and sum(c.rows for c in batch) + chunk.rows > rows:
            yield batch
            batch = []
        batch.append(chunk)
    if batch:
        yield batch


def floor(moment: datetime, width: timedelta) -> datetime:
    """The latest multiple of `width` since 1970 that is not after `moment`."""
    return EPOCH + (moment - EPOCH) // width * width


def _whole(first: date, buckets: list[Bucket], period: Period) -> Chunk:
    key = f"{_title(first)}/W" if period.text == "W" else _title(first)
    rows = sum(bucket.rows for bucket in buckets)
    return Chunk(key, buckets[0].start, buckets[-1].start, 0, rows, _stamp(buckets))


def _by_rows(buckets: Sequence[Bucket], size: int) -> Iterator[Chunk]:
    ends = list(accumulate(bucket.rows for bucket in buckets))
    total = ends[-1] if ends else 0
    place = 0
    for first in range(0, total, size):
        last = min(first + size, total)
        while ends[place] <= first:
            place += 1
        until = place
        while ends[until] < last:
            until += 1
        skip = first - (ends[place] - buckets[place].rows)
        start, end = buckets[place].start, buckets[until].start
        stamp = _stamp(buckets[place : until + 1])
        yield Chunk(f"{_title(start)}+{skip}", start, end, skip, last - first, stamp)


def _title(moment: date) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if isinstance(moment, datetime) else moment.isoformat()


def _stamp(buckets: Sequence[Bucket]) -> str:
    text = "\n".join(f"{bucket.start} {bucket.rows} {bucket.mark}" for bucket in buckets)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
