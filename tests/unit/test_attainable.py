"""The attainable bound lies between what a model of the events reaches and the oracle."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import RandomForestClassifier

from cdrlake import bounds
from cdrlake.bounds import Bounds
from flaskapp.cdr.world import World
from flaskapp.cdr.world.attainable import silence_probability
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.cdr.settings import WorldSettings

START = date(2026, 3, 2)
FIRST_TEST, LAST_TEST, HORIZON = 90, 97, 30
TRAIN = range(30, FIRST_TEST - HORIZON, 3)
COUNTS = ("DP_MOC_COUNT", "DP_MTC_COUNT", "DP_MOSMS_COUNT", "DP_MTSMS_COUNT", "DP_DATA_COUNT")
WINDOWS = (1, 3, 7, 14, 30)


@pytest.fixture(scope="module")
def world() -> World:
    return World(WorldSettings(seed=7, subscribers=500), START)


@pytest.fixture(scope="module")
def usage(world: World) -> pl.DataFrame:
    """DP_MSISDN, `day` and `amount` of all days that features and labels look at."""
    days = world.days(0, LAST_TEST + HORIZON)
    rows = pl.concat(each.with_columns(day=pl.lit(n, pl.Int64)) for n, each in enumerate(days))
    return rows.group_by("DP_MSISDN", "day").agg(amount=pl.sum_horizontal(COUNTS).sum())


def labelled(usage: pl.DataFrame, day: int) -> pl.DataFrame:
    """Candidates of a day: days and amounts of the last windows, days of silence, and the label."""
    past = usage.filter(pl.col("day") <= day)
    age = day - pl.col("day")
    sums = [pl.col("amount").filter(age < n).sum().alias(f"amount_{n}") for n in WINDOWS]
    days = [(age < n).sum().alias(f"days_{n}") for n in WINDOWS]
    silent = (day - pl.col("day").max()).alias("silent")
    rows = past.group_by("DP_MSISDN").agg(*sums, *days, silent).filter(pl.col("silent") < 7)
    later = usage.filter(pl.col("day").is_between(day + 1, day + HORIZON))["DP_MSISDN"].unique()
    gone = ~pl.col("DP_MSISDN").is_in(later.implode())
    return rows.with_columns(day=pl.lit(day, pl.Int64), label=gone.cast(pl.Int64))


@pytest.fixture(scope="module")
def found(world: World, usage: pl.DataFrame) -> Bounds:
    """A forest of its own features, with the bounds on its test days."""
    train = pl.concat(labelled(usage, day) for day in TRAIN)
    asked = range(FIRST_TEST, LAST_TEST + 1)
    test = pl.concat(labelled(usage, day) for day in asked)
    names = [name for name in train.columns if name not in ("DP_MSISDN", "day", "label")]
    forest = RandomForestClassifier(60, max_depth=8, min_samples_leaf=10, random_state=1)
    forest.fit(train.select(names).to_numpy(), train["label"].to_numpy())
    score = forest.predict_proba(test.select(names).to_numpy())[:, 1]
    truth = pl.concat(
        world.oracle_probability(day).with_columns(day=pl.lit(day, pl.Int64)) for day in asked
    ).rename({"probability": "oracle"})
    seen = usage.filter(pl.col("day") <= LAST_TEST)
    known = silence_probability(world, seen, asked).rename({"probability": "attainable"})
    rows = test.with_columns(probability_1=pl.Series(score))
    for other in (truth, known):
        rows = rows.join(other, on=["DP_MSISDN", "day"])
    assert len(rows) == len(test)
    return bounds.judge(rows.rename({"DP_MSISDN": "User"}), CHURN, seed=1)


def test_a_forest_does_not_rank_better_than_the_attainable_bound_beyond_chance(
    found: Bounds,
) -> None:
    assert found.attainable is not None
    assert found.attainable.share.value > 0.8
    assert found.attainable.share.low < 1


def test_the_attainable_bound_is_below_the_oracle(found: Bounds) -> None:
    assert found.attainable is not None
    for metric, one in found.attainable.metrics.items():
        assert one.value < found.oracle.metrics[metric].value, metric
    assert found.oracle.share.value < found.attainable.share.value
    assert [bound.name for bound in found] == ["attainable", "oracle"]


def test_the_bound_s_probabilities_are_calibrated(world: World, usage: pl.DataFrame) -> None:
    test = labelled(usage, FIRST_TEST)
    seen = usage.filter(pl.col("day") <= FIRST_TEST)
    known = silence_probability(world, seen, range(FIRST_TEST, FIRST_TEST + 1))
    rows = test.join(known, on=["DP_MSISDN", "day"])
    assert rows["probability"].mean() == pytest.approx(rows["label"].mean(), abs=0.03)


def test_longer_silence_is_more_likely_to_last(world: World) -> None:
    """The same past, and then nothing: the filter sees no more than that."""
    lively = list(range(40))
    usage = pl.DataFrame({"DP_MSISDN": "999000000001", "day": lively, "amount": 10.0})
    chances = silence_probability(world, usage, range(39, 50))["probability"].to_numpy()
    assert (np.diff(chances) > 0).all()
    assert chances[0] < 0.1 < chances[-1]


def test_who_comes_later_is_known_from_the_first_day_on(world: World) -> None:
    usage = pl.DataFrame({"DP_MSISDN": "999000000001", "day": [20, 22], "amount": [3.0, 5.0]})
    found = silence_probability(world, usage, range(18, 24))
    assert found["day"].to_list() == [20, 21, 22, 23]
    assert world.date_of(20) == START + timedelta(days=20)
