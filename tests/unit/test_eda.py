"""Hours and weekdays where people live, and churn rates with honest errors."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from eda import plots, profile


def test_hour_and_weekday_are_those_of_the_time_zone() -> None:
    moments = pl.LazyFrame({"DP_DATE": pl.Series(["2026-05-03 16:30", "2026-05-03 03:00"])})
    rows = moments.with_columns(pl.col("DP_DATE").str.to_datetime("%Y-%m-%d %H:%M", time_unit="ms"))
    hours = ("DP_HOUR", "DP_WEEKDAY")
    assert profile.with_time(rows).select(hours).collect().rows() == [(16.0, 7.0), (3.0, 7.0)]
    tokyo = profile.with_time(rows, "Asia/Tokyo").select(hours).collect().rows()
    assert tokyo == [(1.0, 1.0), (12.0, 7.0)]


def test_equal_values_are_in_one_part() -> None:
    values = np.array([0.0] * 70 + list(range(1, 31)))
    label = np.array([1.0] * 35 + [0.0] * 65)
    found = plots.rates([str(n) for n in range(100)], values, label)
    assert (found.middle[0], found.rate[0]) == (0, 0.5)
    assert len(found.middle) == 4
    assert (np.diff(found.middle) > 0).all()
    assert found.rate[1:].tolist() == [0, 0, 0]
    only = plots.rates(["a", "b"], np.array([3.0, 3.0]), np.array([0.0, 1.0]))
    assert (only.middle.tolist(), only.rate.tolist()) == ([3.0], [0.5])


def test_rows_of_the_same_subscribers_make_a_rate_no_surer() -> None:
    rng = np.random.default_rng(1)
    label = (rng.random(400) < 0.2).astype(float)
    values = rng.random(400)
    users = [str(n) for n in range(400)]
    once = plots.rates(users, values, label)
    often = plots.rates(users * 25, np.tile(values, 25), np.tile(label, 25))
    assert often.rate == pytest.approx(once.rate)
    assert often.error == pytest.approx(once.error)
    n = 40
    assert once.error == pytest.approx(np.sqrt(once.rate * (1 - once.rate) / (n - 1)), rel=1e-6)
    lone = plots.rates(["a"] * 30, np.arange(30.0), np.ones(30))
    assert np.isfinite(lone.error).all()
