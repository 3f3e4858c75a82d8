"""The changes in what is recorded, by which monitoring is judged in the benchmark."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from bench.usage_plans import FADE_A_DAY, LOST_SHARE, SEGMENT_SHARE, TARIFF, USAGE_PLANS
from lakehouse.domains.cdr.contracts import MEASURE_NAMES

SINCE = date(2026, 6, 1)  # a Monday
DAYS, USERS = 14, 500
KEY = ("User", "Date")


@pytest.fixture
def usage() -> pl.DataFrame:
    """Two weeks of some subscribers, all measures far from 0."""
    random = np.random.default_rng(3)
    rows = pl.DataFrame(
        [
            {"User": f"45{user:06}", "Date": SINCE + timedelta(days=day)}
            for user in range(USERS)
            for day in range(DAYS)
        ]
    )
    measures = {name: random.integers(1_000, 2_000, len(rows)) for name in MEASURE_NAMES}
    return rows.with_columns(**{name: pl.Series(values) for name, values in measures.items()})


def ratios(usage: pl.DataFrame, plan: str) -> pl.DataFrame:
    """By key, each measure after the plan as a factor of what it was."""
    both = usage.join(USAGE_PLANS[plan](usage, SINCE), on=KEY, suffix="_after")
    return both.select(*KEY, *(pl.col(f"{name}_after") / pl.col(name) for name in MEASURE_NAMES),
                       ).rename({f"{name}_after": name for name in MEASURE_NAMES})  # fmt: skip


def test_columns_change_places_and_change_back(usage: pl.DataFrame) -> None:
    swapped = USAGE_PLANS["swapped_columns"](usage, SINCE)
    for ours, theirs in (("MOC_COUNT", "MTC_COUNT"), ("MOC_DURATION", "MTC_DURATION")):
        assert swapped[f"DP_{ours}"].equals(usage[f"DP_{theirs}"], check_names=False)
    assert not swapped.equals(usage)
    assert USAGE_PLANS["swapped_columns"](swapped, SINCE).equals(usage)


def test_weekends_are_halved_and_weekdays_are_not(usage: pl.DataFrame) -> None:
    by_day = ratios(usage, "halved_weekends").with_columns(weekday=pl.col("Date").dt.weekday())
    weekend = by_day.filter(pl.col("weekday") >= 6).select(MEASURE_NAMES).to_numpy()
    weekdays = by_day.filter(pl.col("weekday") < 6).select(MEASURE_NAMES).to_numpy()
    assert np.abs(weekend - 0.5).max() < 0.001
    assert (weekdays == 1).all()


def test_a_segment_moves_as_a_whole_and_only_by_its_tariff(usage: pl.DataFrame) -> None:
    moved = ratios(usage, "segment_tariff")
    data = moved.group_by("User").agg(pl.col("DP_DATA_COUNT").mean())["DP_DATA_COUNT"].to_numpy()
    is_moved = np.abs(data - TARIFF["DP_DATA_COUNT"]) < 0.001
    assert ((data == 1) | is_moved).all(), "nobody moves on some days only"
    assert abs(is_moved.sum() / USERS - SEGMENT_SHARE) < 0.06
    others = [name for name in MEASURE_NAMES if name not in TARIFF]
    assert (moved.select(others).to_numpy() == 1).all()


def test_lost_rows_are_a_tenth_and_the_rest_is_untouched(usage: pl.DataFrame) -> None:
    kept = USAGE_PLANS["lost_rows"](usage, SINCE)
    assert abs(1 - len(kept) / len(usage) - LOST_SHARE) < 0.02
    assert kept.equals(usage.join(kept.select(KEY), on=KEY, how="semi", maintain_order="left"))
    assert kept.group_by("User").len()["len"].n_unique() > 2, "not whole subscribers"


def test_a_fade_goes_on_day_by_day(usage: pl.DataFrame) -> None:
    by_day = ratios(usage, "slow_fade").group_by("Date").agg(pl.mean(*MEASURE_NAMES)).sort("Date")
    expected = FADE_A_DAY ** np.arange(1, DAYS + 1)
    for name in MEASURE_NAMES:
        assert np.abs(by_day[name].to_numpy() - expected).max() < 0.001


@pytest.mark.parametrize("plan", USAGE_PLANS)
def test_types_stay_and_the_same_usage_is_changed_in_the_same_way(
    usage: pl.DataFrame, plan: str
) -> None:
    found = USAGE_PLANS[plan](usage, SINCE)
    assert found.schema == usage.schema
    assert found.equals(USAGE_PLANS[plan](usage, SINCE))
    assert not found.equals(usage)


def test_usage_that_is_left_with_nothing_is_no_row(usage: pl.DataFrame) -> None:
    little = usage.with_columns(pl.lit(0, pl.Int64).alias(name) for name in MEASURE_NAMES[1:])
    least = little.with_columns(pl.lit(1, pl.Int64).alias(MEASURE_NAMES[0]))
    found = USAGE_PLANS["slow_fade"](least, SINCE - timedelta(days=200))
    assert len(found) == 0
