"""The arithmetic of features: days of some subscribers, dense, one kernel for each family.

Daily sums come in as whole thousandths and every window is added up day by day in the same order,
so a row has the same bits however it was reached: by the stream, by a backfill, after a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from lakehouse.contracts import MEASURES, PROCESSED_COLUMNS
from lakehouse.features import (
    COUNTS,
    DAYS_OF_WEEK,
    Family,
    Feature,
    Windows,
    feature_list,
    lookback_days,
    weeks_of_norm,
)

Floats = npt.NDArray[np.float64]

THOUSANDTHS = 1000
SCALE = {spec.name: THOUSANDTHS if spec.kind == "decimal" else 1 for spec in MEASURES}


@dataclass(frozen=True)
class Span:
    """Which rows of gold to make: dates up to `last`; up to `closed` silent days count too.

    A subscriber is in the population for `active_days` days, the last one with activity included.
    """

    last: date
    closed: date
    active_days: int
    windows: Windows


def dense_rows(days: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Rows of gold, amounts still in thousandths, from all days of some subscribers."""
    block = _Block.of(days, span)
    time, user = np.nonzero(block.wanted)
    columns: dict[str, pl.Series | npt.NDArray[np.generic]] = {
        "Date": block.dates[time],
        "User": block.users.gather(user),
    }
    lead = block.lead
    for name, measure in PROCESSED_COLUMNS.items():
        columns[name] = block.amounts[block.row[measure], lead:][time, user]
    for feature in feature_list(span.windows):
        columns[feature.name] = KERNELS[feature.family](block, feature)[time, user]
    columns["emitted_us"] = block.emitted[lead:][time, user]
    return pl.DataFrame(columns)


@dataclass(frozen=True)
class _Block:
    """Dense days of some subscribers; the first `lead` days are only looked back at."""

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
    def of(cls, days: pl.DataFrame, span: Span) -> _Block:
        """Spread `days` out; what lies outside of the needed dates is left away."""
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
        """Whether anything was counted, by day and subscriber."""
        return self.activity > 0

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
        """Parts added up one after the other, always in the order given."""
        total = parts[0].copy()
        for part in parts[1:]:
            total += part
        return total

    def total(self, feature: Feature, of: int = 0, days: int = 0, back: int = 0) -> Floats:
        """Sum of the feature's measure number `of` over its window, in the measure's unit."""
        name = feature.measures[of]
        whole = self.trailing(self.values[self.row[name]], days or feature.window, back)
        return whole / SCALE[name]


def _sum(block: _Block, feature: Feature) -> Floats:
    return block.total(feature)


def _mean(block: _Block, feature: Feature) -> Floats:
    return block.total(feature) / feature.window


def _deviation(block: _Block, feature: Feature) -> Floats:
    name = feature.measures[0]
    daily = block.values[block.row[name]]
    mean = block.trailing(daily, feature.window) / feature.window
    squares = [np.square(block.at(daily, k) - mean) for k in range(feature.window)]
    deviation: Floats = np.sqrt(block.sum_of(squares) / feature.window)
    return deviation / SCALE[name]


def _trend(block: _Block, feature: Feature) -> Floats:
    half = feature.window // 2
    late = block.total(feature, days=half)
    early = block.total(feature, days=half, back=half)
    return _share(late - early, late + early, empty=0.0)


def _log(block: _Block, feature: Feature) -> Floats:
    logs: Floats = np.log1p(block.total(feature))
    return logs


def _active_share(block: _Block, feature: Feature) -> Floats:
    return block.trailing(block.active.astype(np.float64), feature.window) / feature.window


def _silent_days(block: _Block, feature: Feature) -> Floats:
    silent = np.full(block.at(block.activity, 0).shape, float(feature.window))
    for back in reversed(range(feature.window)):
        silent[block.at(block.activity, back) > 0] = back
    return silent


def _longest_gap(block: _Block, feature: Feature) -> Floats:
    run = np.zeros(block.at(block.activity, 0).shape)
    longest = run.copy()
    for back in reversed(range(feature.window)):
        run = np.where(block.at(block.activity, back) > 0, 0.0, run + 1)
        np.maximum(longest, run, out=longest)
    return longest


def _weekday_share(block: _Block, _: Feature) -> Floats:
    weeks = weeks_of_norm(block.span.windows)
    earlier = [block.at(block.activity, DAYS_OF_WEEK * week) for week in range(1, weeks + 1)]
    today, norm = block.at(block.activity, 0), block.sum_of(earlier) / weeks
    return _share(today, today + norm, empty=0.5)


def _balance(block: _Block, feature: Feature) -> Floats:
    incoming, outgoing = block.total(feature, of=0), block.total(feature, of=1)
    return _share(incoming, incoming + outgoing, empty=0.5)


def _share(part: Floats, whole: Floats, empty: float) -> Floats:
    share: Floats = np.divide(part, whole, out=np.full(whole.shape, empty), where=whole != 0)
    return share


KERNELS: dict[Family, Callable[[_Block, Feature], Floats]] = {
    "sum": _sum,
    "mean": _mean,
    "deviation": _deviation,
    "trend": _trend,
    "log": _log,
    "active_share": _active_share,
    "silent_days": _silent_days,
    "longest_gap": _longest_gap,
    "weekday_share": _weekday_share,
    "balance": _balance,
}
