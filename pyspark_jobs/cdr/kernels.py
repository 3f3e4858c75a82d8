"""The arithmetic of features, one kernel for each family."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lakehouse.domains.cdr.features import DAYS_OF_WEEK, Family, Feature, weeks_of_norm
from lakehouse.portable_math import log1p
from pyspark_jobs.cdr.block import SCALE, DenseDays, Floats


def _sum(block: DenseDays, feature: Feature) -> Floats:
    return block.total(feature)


def _mean(block: DenseDays, feature: Feature) -> Floats:
    return block.total(feature) / feature.window


def _deviation(block: DenseDays, feature: Feature) -> Floats:
    name = feature.measures[0]
    daily = block.values[block.row[name]]
    mean = block.trailing(daily, feature.window) / feature.window
    squares = [np.square(block.at(daily, k) - mean) for k in range(feature.window)]
    deviation: Floats = np.sqrt(block.sum_of(squares) / feature.window)
    return deviation / SCALE[name]


def _trend(block: DenseDays, feature: Feature) -> Floats:
    half = feature.window // 2
    late = block.total(feature, days=half)
    early = block.total(feature, days=half, back=half)
    return _share(late - early, late + early, empty=0.0)


def _log(block: DenseDays, feature: Feature) -> Floats:
    return log1p(block.total(feature))


def _active_share(block: DenseDays, feature: Feature) -> Floats:
    return block.trailing(block.active.astype(np.float64), feature.window) / feature.window


def _silent_days(block: DenseDays, feature: Feature) -> Floats:
    silent = np.full(block.at(block.activity, 0).shape, float(feature.window))
    for back in reversed(range(feature.window)):
        silent[block.at(block.activity, back) > 0] = back
    return silent


def _silence_surprise(block: DenseDays, feature: Feature) -> Floats:
    """How unlikely the current silence is, given how active the subscriber was before it."""
    # One active and one silent day more than there were keep the rate off 0 and 1.
    silent = _silent_days(block, feature)
    active = block.trailing(block.active.astype(np.float64), feature.window)
    rate = (active + 1) / (feature.window - silent + 2)
    return silent * -log1p(-rate)


def _longest_gap(block: DenseDays, feature: Feature) -> Floats:
    run = np.zeros(block.at(block.activity, 0).shape)
    longest = run.copy()
    for back in reversed(range(feature.window)):
        run = np.where(block.at(block.activity, back) > 0, 0.0, run + 1)
        np.maximum(longest, run, out=longest)
    return longest


def _activity_fade(block: DenseDays, feature: Feature) -> Floats:
    active, long = block.active.astype(np.float64), block.span.windows[2]
    usual = block.trailing(active, long) / long
    return block.trailing(active, feature.window) / feature.window - usual


def _intensity_fade(block: DenseDays, feature: Feature) -> Floats:
    active, long = block.active.astype(np.float64), block.span.windows[2]
    days, usual_days = block.trailing(active, feature.window), block.trailing(active, long)
    recent = block.trailing(block.intensity, feature.window) / np.maximum(days, 1)
    usual = block.trailing(block.intensity, long) / np.maximum(usual_days, 1)
    return np.where(days > 0, recent - usual, 0.0)


def _weekday_share(block: DenseDays, _: Feature) -> Floats:
    weeks = weeks_of_norm(block.span.windows)
    earlier = [block.at(block.activity, DAYS_OF_WEEK * week) for week in range(1, weeks + 1)]
    today, norm = block.at(block.activity, 0), block.sum_of(earlier) / weeks
    return _share(today, today + norm, empty=0.5)


def _balance(block: DenseDays, feature: Feature) -> Floats:
    incoming, outgoing = block.total(feature, of=0), block.total(feature, of=1)
    return _share(incoming, incoming + outgoing, empty=0.5)


def _share(part: Floats, whole: Floats, empty: float) -> Floats:
    share: Floats = np.divide(part, whole, out=np.full(whole.shape, empty), where=whole != 0)
    return share


KERNELS: dict[Family, Callable[[DenseDays, Feature], Floats]] = {
    "sum": _sum,
    "mean": _mean,
    "deviation": _deviation,
    "trend": _trend,
    "log": _log,
    "active_share": _active_share,
    "silent_days": _silent_days,
    "silence_surprise": _silence_surprise,
    "longest_gap": _longest_gap,
    "activity_fade": _activity_fade,
    "intensity_fade": _intensity_fade,
    "weekday_share": _weekday_share,
    "balance": _balance,
}
