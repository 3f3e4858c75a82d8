"""Features of hand-made days, point in time, with silent days filled."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from lakehouse.contracts import BUCKET
from lakehouse.domains.cdr.contracts import MEASURES, SILVER_DAILY
from lakehouse.domains.cdr.features import (
    COUNTS,
    Windows,
    feature_list,
    feature_names,
    gold_contract,
    lookback_days,
)
from pyspark_jobs.cdr.block import Span
from pyspark_jobs.cdr.features import gold_rows
from pyspark_jobs.cdr.kernels import KERNELS

WINDOWS: Windows = (7, 14, 30)
START = date(2026, 3, 1)
EMITTED = datetime(2026, 3, 1, tzinfo=UTC)


def day(number: int) -> date:
    return START + timedelta(days=number)


def days(user: str, amounts: dict[int, dict[str, float]]) -> pl.DataFrame:
    """Rows of silver; measures that are not named are 0."""
    rows = [
        {"Date": day(number), "User": user, "events": 1, "last_emitted_at": EMITTED}
        | {spec.name: given.get(spec.name, 0) for spec in MEASURES}
        | {"event_hashes": [number]}
        for number, given in amounts.items()
    ]
    decimals = [spec.name for spec in MEASURES if spec.kind == "decimal"]
    columns = [name for name in SILVER_DAILY.names if name != BUCKET.name]
    frame = pl.DataFrame(rows).select(columns)
    return frame.with_columns(
        pl.col(decimals).cast(pl.Decimal(18, 3)), pl.col("last_emitted_at").cast(pl.Datetime("us"))
    ).with_columns(pl.col("last_emitted_at").dt.replace_time_zone("UTC"))


def gold(frame: pl.DataFrame, last: int, since: int = 0, closed: int | None = None) -> pl.DataFrame:
    scope = frame.select("User").unique().with_columns(since=pl.lit(day(since)))
    span = Span(day(last), day(last if closed is None else closed), 7, WINDOWS)
    return gold_rows(frame, scope, span)


def value(frame: pl.DataFrame, name: str, at: int) -> float:
    found = frame.filter(pl.col("Date") == day(at))[name]
    assert len(found) == 1
    return float(found[0])


CALLS: dict[int, dict[str, float]] = {
    0: {"DP_MOC_COUNT": 2, "DP_MOC_DURATION": 60.5},
    3: {"DP_MOC_COUNT": 4},
}


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        ("out_calls_sum_7d", 0, 2.0),
        ("out_calls_sum_7d", 6, 6.0),
        ("out_calls_sum_7d", 7, 4.0),
        ("out_seconds_sum_7d", 3, 60.5),
        ("out_calls_mean_30d", 3, 6 / 30),
        ("out_calls_deviation_30d", 3, math.sqrt((4 + 16) / 30 - (6 / 30) ** 2)),
        ("out_calls_trend_7d", 3, 1.0),
        ("out_calls_trend_7d", 9, (4 - 2) / (4 + 2)),
        ("in_calls_trend_7d", 3, 0.0),
        ("out_seconds_log_30d", 3, math.log1p(60.5)),
        ("active_share_7d", 3, 2 / 7),
        ("active_share_14d", 9, 2 / 14),
        ("days_since_active", 3, 0.0),
        ("days_since_active", 9, 6.0),
        ("silence_surprise", 3, 0.0),
        ("silence_surprise", 9, 6 * -math.log(1 - 3 / 26)),
        ("longest_gap_30d", 3, 26.0),
        ("activity_fade_7d", 9, 1 / 7 - 2 / 30),
        ("activity_fade_14d", 9, 2 / 14 - 2 / 30),
        ("intensity_fade_7d", 9, math.log(4) - (math.log(4) + math.log(2)) / 2),
        ("intensity_fade_14d", 9, 0.0),
        ("weekday_share", 7, 0.0),
        ("weekday_share", 3, 1.0),
        ("weekday_share", 1, 0.5),
        ("calls_in_share_30d", 3, 0.0),
        ("texts_in_share_30d", 3, 0.5),
    ],
)
def test_a_feature_is_what_its_formula_says(name: str, at: int, expected: float) -> None:
    assert value(gold(days("1", CALLS), last=9), name, at) == pytest.approx(expected, rel=1e-12)


def test_a_subscriber_who_falls_silent_has_rows_until_he_leaves_the_population() -> None:
    rows = gold(days("1", CALLS), last=20)
    assert rows["Date"].to_list() == [day(number) for number in range(10)]
    assert value(rows, "M_Out_Call_Count", 9) == 0
    assert rows["last_emitted_at"].null_count() == 8


def test_silence_counts_only_once_the_day_is_over() -> None:
    rows = gold(days("1", {0: {"DP_MOC_COUNT": 1}, 3: {"DP_MOC_COUNT": 1}}), last=3, closed=1)
    assert rows["Date"].to_list() == [day(0), day(1), day(3)]


def test_features_use_nothing_that_happened_later() -> None:
    known = days("1", {0: {"DP_MOC_COUNT": 2}, 3: {"DP_MOC_COUNT": 4}})
    later = pl.concat([known, days("1", {4: {"DP_MOC_COUNT": 900, "DP_DATA_VOLUME": 7e6}})])
    before = gold(known, last=3)
    assert gold(later, last=5).filter(pl.col("Date") <= day(3)).equals(before)


def test_a_row_has_the_same_bits_alone_and_among_others_from_early_and_from_late() -> None:
    noisy: dict[int, dict[str, float]] = {
        n: {"DP_MOC_DURATION": 0.1 * n, "DP_MOC_COUNT": n % 3} for n in range(60)
    }
    alone = gold(days("1", noisy), last=59)
    others = [days(str(user), dict.fromkeys(range(user), CALLS[0])) for user in range(2, 9)]
    together = gold(pl.concat([days("1", noisy), *others]), last=59)
    late = gold(days("1", noisy), last=59, since=40)
    assert together.filter(pl.col("User") == "1").equals(alone)
    assert alone.filter(pl.col("Date") >= day(40)).equals(late)


def test_the_order_of_days_does_not_matter() -> None:
    noisy = days("1", {n: {"DP_DATA_VOLUME": 0.001 + 0.1 * n} for n in range(40)})
    assert gold(noisy, last=39).equals(
        gold(noisy.sample(fraction=1, shuffle=True, seed=1), last=39)
    )


def test_the_known_columns_keep_the_exact_amounts_of_the_day() -> None:
    rows = gold(days("1", {0: {"DP_DATA_VOLUME": 1234.567, "DP_DATA_COUNT": 2}}), last=0)
    assert rows["M_Data_Sum"].to_list() == [Decimal("1234.567")]
    assert rows["M_Data_Count"].to_list() == [2]


@pytest.mark.parametrize("windows", [(7, 14, 30), (2, 4, 7)])
def test_every_feature_has_a_kernel_a_name_of_its_own_and_a_window_in_reach(
    windows: Windows,
) -> None:
    features = feature_list(windows)
    assert {feature.family for feature in features} == set(KERNELS)
    assert len({feature.name for feature in features}) == len(features)
    assert max(feature.window for feature in features) <= lookback_days(windows)


def test_all_eight_measures_are_used() -> None:
    used = {name for feature in feature_list(WINDOWS) for name in feature.measures}
    assert used == {spec.name for spec in MEASURES}
    assert set(COUNTS) < used


def test_no_feature_is_ever_missing_and_gold_fits_its_contract() -> None:
    rows = gold(days("1", CALLS), last=9)
    assert tuple(rows.columns) == gold_contract(WINDOWS).names
    features = rows.select(feature_names(WINDOWS))
    assert features.select(pl.all().is_finite().all()).row(0) == (True,) * features.width
