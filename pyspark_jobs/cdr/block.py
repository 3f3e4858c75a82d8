"""Dense days of some subscribers, which the feature kernels work on.

Daily sums come in as whole thousandths and every window is added up day by day in the same order,
so a row has the same bits no matter how it was computed: by the stream, by a backfill, or after a
restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from lakehouse.domains.cdr.contracts import MEASURES
from lakehouse.domains.cdr.features import COUNTS, Feature, Windows, lookback_days
from lakehouse.portable_math import log

Floats = npt.NDArray[np.float64]

THOUSANDTHS = 1000
SCALE = {spec.name: THOUSANDTHS if spec.kind == "decimal" else 1 for spec in MEASURES}


@dataclass(frozen=True)
class Span:
    """Which rows of gold to make: dates up to `last`; up to `closed`, silent days count too.

    A subscriber stays in the population for `active_days` days, counting the last active one.
    """

    last: date
    closed: date
    active_days: int
    windows: Windows


@dataclass(frozen=True)
class DenseDays:
    """Dense days of some subscribers; the first `lead` days only serve as history."""

    amounts: npt.NDArray[np.int64]  # (measure, day, subscriber), thousandths or counts
    emitted: npt.NDArray[np.int64]  # (day, subscriber), 0 where there was no event
    present: npt.NDArray[np.bool_]  # (day, subscriber): a row of silver is there
    since: npt.NDArray[np.int64]  # (subscriber), index of the first wanted day
    users: pl.Series
    first: date  # date of index `lead`
    lead: int
    span: Span

    row = {spec.name: index for index, spec in enumerate(MEASURES)}

    @classmethod
    def of(cls, days: pl.DataFrame, span: Span) -> DenseDays:
        """Make `days` dense; dates that are not needed are dropped."""
        lead = lookback_days(span.windows) - 1
        first: date = days["since"].min()  # type: ignore[assignment]
        origin = first - timedelta(days=lead)
        days = days.filter(pl.col("Date").is_between(origin, span.last))
        length = (span.last - origin).days + 1
        users = days["User"].unique(maintain_order=True)
        position = pl.DataFrame({"User": users}).with_row_index("user")
        user = days.join(position, on="User", how="left", maintain_order="left")["user"].to_numpy()
        day = (days["Date"] - origin).dt.total_days().to_numpy()
        amounts = np.zeros((len(MEASURES), length, len(users)), dtype=np.int64)
        for spec in MEASURES:
            amounts[cls.row[spec.name], day, user] = days[spec.name].to_numpy()
        emitted = np.zeros((length, len(users)), dtype=np.int64)
        emitted[day, user] = days["emitted_us"].to_numpy()
        present = np.zeros((length, len(users)), dtype=np.bool_)
        present[day, user] = True
        since = np.zeros(len(users), dtype=np.int64)
        since[user] = (days["since"] - first).dt.total_days().to_numpy()
        return cls(amounts, emitted, present, since, users, first, lead, span)

    @cached_property
    def values(self) -> Floats:
        """The amounts as floats: whole numbers, exact up to 2**53."""
        return self.amounts.astype(np.float64)

    @cached_property
    def activity(self) -> Floats:
        """Sum of the counts, by day and subscriber."""
        return self.sum_of([self.values[self.row[name]] for name in COUNTS])

    @cached_property
    def active(self) -> npt.NDArray[np.bool_]:
        """Whether there was any activity, by day and subscriber."""
        return self.activity > 0

    @cached_property
    def intensity(self) -> Floats:
        """Logarithm of the activity, 0 on silent days, by day and subscriber."""
        return log(np.maximum(self.activity, 1.0))

    @cached_property
    def dates(self) -> npt.NDArray[np.datetime64]:
        """Dates of the wanted days."""
        length = self.present.shape[0] - self.lead
        return np.datetime64(self.first) + np.arange(length)

    @property
    def wanted(self) -> npt.NDArray[np.bool_]:
        """Which (day, subscriber) become rows."""
        recent = self.trailing(self.active.astype(np.float64), self.span.active_days) > 0
        closed = self.dates <= np.datetime64(self.span.closed)
        index = np.arange(len(self.dates))[:, None]
        filled = recent & closed[:, None]
        return (self.present[self.lead :] | filled) & (index >= self.since[None, :])

    def at(self, daily: Floats, back: int) -> Floats:
        """`daily` as of `back` days before each wanted day."""
        end = daily.shape[0] - back
        return daily[self.lead - back : end]

    def trailing(self, daily: Floats, days: int, back: int = 0) -> Floats:
        """Sum over the `days` days that end `back` days before each wanted day."""
        return self.sum_of([self.at(daily, back + k) for k in range(days)])

    @staticmethod
    def sum_of(parts: list[Floats]) -> Floats:
        """The parts summed one after the other, always in the given order."""
        total = parts[0].copy()
        for part in parts[1:]:
            total += part
        return total

    def total(self, feature: Feature, of: int = 0, days: int = 0, back: int = 0) -> Floats:
        """Sum of the feature's measure number `of` over its window, in the measure's unit."""
        name = feature.measures[of]
        whole = self.trailing(self.values[self.row[name]], days or feature.window, back)
        return whole / SCALE[name]
