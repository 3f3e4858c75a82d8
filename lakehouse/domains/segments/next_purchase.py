"""When a card buys next, and how far ahead that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

FIRST_DAY, HORIZON = "first_day", "k"
WAIT, SEEN = "wait", "seen"
LONGEST = 90
# The horizon of stored predictions and their outcomes: within a week.
STORED_K = 7
_EPOCH = date(1970, 1, 1)
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Coverage:
    """Days on which purchases are recorded: `first` to `last`, without the `holes` in between.

    A hole is a pair of dates, both inclusive.
    """

    first: date
    last: date
    holes: tuple[tuple[date, date], ...] = ()

    def days_ahead(self, as_of: date) -> int:
        """How many days from `as_of` on, that day included, are recorded without a gap."""
        ends = [start for start, end in self.holes if end >= as_of]
        return max((min([*ends, self.last + timedelta(days=1)]) - as_of).days, 0)


def day_number(day: date) -> int:
    """The days from 1970-01-01 to a day, as the models take it.

    >>> day_number(date(1970, 1, 5))
    4
    """
    return (day - _EPOCH).days


def with_next_purchase(
    features: pl.DataFrame, purchases: pl.DataFrame, as_of: date, coverage: Coverage
) -> pl.DataFrame:
    """Add `first_day`, `wait` and `seen` to the features of cards as of `as_of`.

    `wait` is 1 for a purchase on `as_of` itself, 2 on the next day, and 0 if none was seen. `seen`
    is how many days ahead are recorded; whatever lies beyond is unknown, not a day without one.
    """
    seen = coverage.days_ahead(as_of)
    ahead = pl.col("date").is_between(as_of, as_of + timedelta(days=max(seen - 1, 0)))
    later = purchases.filter(ahead & (pl.col("amount") > 0) & (seen > 0))
    next_one = later.group_by("card").agg(at=pl.col("date").min())
    wait = ((pl.col("at") - pl.lit(as_of)).dt.total_days() + 1).fill_null(0)
    return features.join(next_one, on="card", how="left", maintain_order="left").select(
        "card",
        pl.lit(as_of).alias("as_of"),
        pl.lit(float(day_number(as_of))).alias(FIRST_DAY),
        *(name for name in features.columns if name != "card"),
        wait.alias(WAIT),
        pl.lit(seen).cast(pl.Int64).alias(SEEN),
    )


def bought_within(rows: pl.DataFrame, k: int) -> tuple[Flags, Flags]:
    """Whether each row's card bought within k days, and whether that is known: seen to the end."""
    wait, seen = rows[WAIT].to_numpy(), rows[SEEN].to_numpy()
    return (wait > 0) & (wait <= k), seen >= k


def mondays(first: date, last: date) -> Sequence[date]:
    """The Mondays from `first` on, `last` included if it is one."""
    start = first + timedelta(days=-first.weekday() % 7)
    return [start + timedelta(days=7 * n) for n in range(((last - start).days // 7) + 1)]


def origins(first: date, last: date, step: int) -> tuple[date, ...]:
    """The days as of which features are made: every Monday, or every day with a `step` of 1.

    >>> [str(day) for day in origins(date(2026, 1, 1), date(2026, 1, 12), 7)]
    ['2026-01-05', '2026-01-12']
    """
    if step == 7:
        return tuple(mondays(first, last))
    return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
