"""How the time of a prediction is divided: into dates, or into equal buckets of a timestamp.

A date is its own bucket. A timestamp belongs to the bucket that begins at or before it; buckets are
counted from 1970 in UTC. Everything that monitoring stores about rows is stored by bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from lakehouse.domain import Scored
from monitoring.chunks import Period, floor

HOUR = timedelta(hours=1)
DAY, WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True)
class Buckets:
    """Buckets of `width` of a timestamp; with `width` None the time is a date.

    >>> Buckets(timedelta(hours=1)).text(datetime(2026, 6, 1, 6, tzinfo=UTC))
    '2026-06-01T06:00:00Z'
    """

    width: timedelta | None = None

    @classmethod
    def of(cls, scored: Scored) -> Buckets:
        """Dates for a date; otherwise hours, or the declared chunks if they are shorter."""
        if scored.table.field(scored.time).kind == "date":
            return cls()
        minutes = Period.parse(scored.chunk).minutes
        return cls(min(HOUR, timedelta(minutes=minutes)) if minutes else HOUR)

    def why_not(self, period: Period) -> str | None:
        """What the period should be, if the buckets are too coarse for it; otherwise None."""
        length = timedelta(minutes=period.minutes)
        if not length or (self.width is not None and length % self.width == timedelta(0)):
            return None
        if self.width is None:
            return "D, W or a number of rows, because these predictions have no time of day"
        return f"a multiple of {self.width.total_seconds() / 60:.0f} minutes"

    def floor(self, moment: date) -> date:
        """The bucket that a time belongs to."""
        if self.width is None or not isinstance(moment, datetime):
            return moment
        return floor(moment, self.width)

    def floored(self, column: pl.Expr) -> pl.Expr:
        """The bucket that each value belongs to."""
        if self.width is None:
            return column
        return column.dt.truncate(f"{int(self.width.total_seconds())}s")

    def between(self, column: pl.Expr, first: date, last: date) -> pl.Expr:
        """Whether each value belongs to a bucket from `first` to `last`."""
        if self.width is None:
            return column.is_between(first, last)
        return (column >= first) & (column < last + self.width)

    def end(self, period: Period, bucket: date, timezone: str) -> datetime:
        """The time at which a bucket's period is over.

        Dates end at midnight in `timezone`, days of timestamps at midnight in UTC.
        """
        first = period.first(bucket)
        if isinstance(first, datetime):
            return first + timedelta(minutes=period.minutes)
        zone = ZoneInfo(timezone) if self.width is None else UTC
        days = WEEK if period.text == "W" else DAY
        return datetime.combine(first + days, time(), zone).astimezone(UTC)

    def text(self, bucket: date) -> str:
        """The bucket in ISO 8601; the texts sort chronologically."""
        if isinstance(bucket, datetime):
            return bucket.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        return bucket.isoformat()

    def parse(self, text: str) -> date:
        """The bucket that `text` stands for."""
        return date.fromisoformat(text) if self.width is None else datetime.fromisoformat(text)


def day_of(bucket: date) -> date:
    """The date of a bucket, in UTC where it has a time of day."""
    return bucket.astimezone(UTC).date() if isinstance(bucket, datetime) else bucket
