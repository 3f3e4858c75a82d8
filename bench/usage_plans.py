"""Changes in what is recorded, as opposed to how people behave: the simulator has no such plans.

Each takes usage by (User, Date) from the first drifted day on and returns it changed. `since` is
that day. What is lost is lost for the labels too, as it would be in the lake.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl

from lakehouse.domains.cdr.contracts import MEASURE_NAMES

LOST_SHARE, SEGMENT_SHARE = 0.10, 0.20
FADE_A_DAY = 0.995
TARIFF = {
    "DP_DATA_COUNT": 2.2,
    "DP_DATA_VOLUME": 1.3,
    "DP_MOC_COUNT": 0.55,
    "DP_MOC_DURATION": 0.55,
}
PERCENT = 100
UsagePlan = Callable[[pl.DataFrame, date], pl.DataFrame]


def swapped_columns(usage: pl.DataFrame, _since: date) -> pl.DataFrame:
    """Outgoing and incoming calls change places, as when a source changes its layout."""
    return usage.with_columns(
        DP_MOC_COUNT="DP_MTC_COUNT",
        DP_MTC_COUNT="DP_MOC_COUNT",
        DP_MOC_DURATION="DP_MTC_DURATION",
        DP_MTC_DURATION="DP_MOC_DURATION",
    )


def halved_weekends(usage: pl.DataFrame, _since: date) -> pl.DataFrame:
    """On Saturdays and Sundays half of the usage is recorded."""
    is_weekend = pl.col("Date").dt.weekday() >= 6
    return _scaled(usage, dict.fromkeys(MEASURE_NAMES, pl.when(is_weekend).then(0.5).otherwise(1)))


def segment_tariff(usage: pl.DataFrame, _since: date) -> pl.DataFrame:
    """A fifth of the subscribers gets the tariff of `new_plan`: data sessions for calls."""
    is_moved = _share(pl.col("User")) < SEGMENT_SHARE * PERCENT
    factors = {name: pl.when(is_moved).then(by).otherwise(1) for name, by in TARIFF.items()}
    return _scaled(usage, factors)


def lost_rows(usage: pl.DataFrame, _since: date) -> pl.DataFrame:
    """A tenth of the rows, at random, never arrives."""
    return usage.filter(_share(pl.struct("User", "Date")) >= LOST_SHARE * PERCENT)


def slow_fade(usage: pl.DataFrame, since: date) -> pl.DataFrame:
    """All measures shrink by half a per cent a day."""
    age = (pl.col("Date") - since).dt.total_days() + 1
    return _scaled(usage, dict.fromkeys(MEASURE_NAMES, pl.lit(FADE_A_DAY).pow(age)))


USAGE_PLANS: dict[str, UsagePlan] = {
    plan.__name__: plan
    for plan in (swapped_columns, halved_weekends, segment_tariff, lost_rows, slow_fade)
}


def _share(key: pl.Expr) -> pl.Expr:
    return key.hash(seed=7) % PERCENT


def _scaled(usage: pl.DataFrame, factors: dict[str, pl.Expr]) -> pl.DataFrame:
    """Measures times factors, in whole numbers; usage that is left with nothing is no row."""
    scaled = usage.with_columns(
        (pl.col(name) * by).round().cast(usage[name].dtype) for name, by in factors.items()
    )
    return scaled.filter(pl.any_horizontal(pl.col(MEASURE_NAMES) > 0))
