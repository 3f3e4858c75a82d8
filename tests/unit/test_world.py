"""The simulated world: reproducible, in the contract's bounds, and hard in known measure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from flaskapp.cdr.world import PLANS, Drift, Horizon, World
from lakehouse.domains.cdr.contracts import CDR_EVENT, MEASURE_NAMES
from lakehouse.domains.cdr.settings import WorldSettings
from lakehouse.errors import SettingsError

START = date(2026, 3, 2)
SEEDS = range(5)


def world(subscribers: int = 300, seed: int = 1, **more: Any) -> World:
    rate = more.pop("churn_rate", 0.05)
    settings = WorldSettings(subscribers=subscribers, seed=seed, churn_rate=rate)
    return World(settings, START, **more)


def mean(column: pl.Series) -> float:
    return float(column.to_numpy().mean())


def rows(found: Iterator[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(found)


@cache
def lived(seed: int, rate: float = 0.05) -> tuple[World, pl.DataFrame]:
    """A world and 100 of its days, `day` added."""
    made = world(1_500, seed, churn_rate=rate)
    days = made.days(0, 99)
    return made, pl.concat(frame.with_columns(day=pl.lit(n)) for n, frame in enumerate(days))


def outcomes(seen: pl.DataFrame, day: int, horizon: Horizon) -> pl.DataFrame:
    """The label of each candidate of `day`, by definition."""
    recent = seen.filter(pl.col("day").is_between(day - horizon.window_days + 1, day))
    later = seen.filter(pl.col("day").is_between(day + 1, day + horizon.label_days))
    stays = later.select("DP_MSISDN").unique().with_columns(label=pl.lit(0))
    people = recent.select("DP_MSISDN").unique()
    return people.join(stays, on="DP_MSISDN", how="left").with_columns(pl.col("label").fill_null(1))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    first, again, other = (rows(world(seed=seed).days(0, 9)) for seed in (1, 1, 2))
    assert first.write_csv() == again.write_csv()
    assert first.write_csv() != other.write_csv()


def test_a_day_is_the_same_whichever_day_one_begins_with() -> None:
    whole = list(world().days(0, 12))
    assert rows(world().days(11, 12)).equals(rows(iter(whole[11:])))


def test_rows_are_the_columns_of_the_contract_within_its_bounds() -> None:
    frame = rows(world().days(0, 30))
    assert frame.columns == ["DP_DATE", "DP_MSISDN", *MEASURE_NAMES]
    assert frame["DP_MSISDN"].str.contains(r"^\d{8,15}$").all()
    for name in MEASURE_NAMES:
        field = CDR_EVENT.field(name)
        assert frame[name].is_between(field.minimum, field.maximum).all()
        thousandths = frame[name].cast(pl.Float64) * 1000
        assert ((thousandths - thousandths.round()).abs() < 1e-3 * thousandths.abs().clip(1)).all()
        assert (field.kind == "long") == (frame[name].dtype == pl.Int64)


def test_a_subscriber_has_at_most_one_row_a_day_and_none_without_activity() -> None:
    for frame in world().days(0, 20):
        assert frame["DP_MSISDN"].is_unique().all()
        counts = [name for name in MEASURE_NAMES if name.endswith("COUNT")]
        assert (frame.select(pl.sum_horizontal(counts)).to_series() > 0).all()


def test_moments_lie_within_the_calendar_day_of_the_timezone() -> None:
    frame = next(world(timezone="Asia/Kolkata").days(3, 3))
    start, end = (datetime(2026, 3, day, 18, 30, tzinfo=UTC) for day in (4, 5))
    assert frame["DP_DATE"].is_between(start, end, closed="left").all()


def test_leavers_are_replaced_so_that_usage_does_not_run_dry() -> None:
    made = world(800)
    sizes = [frame.height for frame in made.days(0, 200)]
    assert np.mean(sizes[-28:]) == pytest.approx(np.mean(sizes[:28]), rel=0.06)
    people = made.subscribers(200)
    assert people["DP_MSISDN"].is_unique().all()
    assert people.height > 1.5 * 800
    assert (people["activated_on"] > made.date_of(190)).any()


def test_every_row_belongs_to_a_listed_subscriber_who_is_activated() -> None:
    made = world()
    seen = pl.concat(day.events.with_columns(date=pl.lit(day.date)) for day in made.simulate(0, 40))
    joined = seen.join(made.subscribers(40), on="DP_MSISDN", how="left")
    assert (joined["activated_on"] <= joined["date"]).all()


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.08])
def test_the_base_rate_is_what_the_setting_says(rate: float) -> None:
    made, seen = lived(0, rate)
    found = [mean(outcomes(seen, day, made.horizon)["label"]) for day in (20, 35, 50, 65)]
    assert np.mean(found) == pytest.approx(rate, rel=0.25)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_oracle_is_calibrated_and_ranks_nearly_all(seed: int) -> None:
    made, seen = lived(seed)
    days = [20, 40, 60]
    joined = pl.concat(
        outcomes(seen, day, made.horizon).join(
            made.oracle_probability(day), on="DP_MSISDN", how="left"
        )
        for day in days
    )
    label, truth = joined["label"].to_numpy(), joined["probability"].to_numpy()
    assert not np.isnan(truth).any()
    assert label.mean() == pytest.approx(0.05, rel=0.3)
    assert truth.mean() == pytest.approx(label.mean(), rel=0.1)
    assert 0.96 < roc_auc_score(label, truth) < 0.995


def test_the_oracle_is_right_in_each_range_of_its_probability() -> None:
    parts = []
    for seed in SEEDS:
        made, seen = lived(seed)
        for day in (20, 40, 60):
            known = outcomes(seen, day, made.horizon)
            parts.append(known.join(made.oracle_probability(day), on="DP_MSISDN"))
    every = pl.concat(parts)
    bins = np.digitize(every["probability"], [0.005, 0.02, 0.1, 0.5])
    for part in every.with_columns(bin=bins).partition_by("bin"):
        expected, found = mean(part["probability"]), mean(part["label"])
        error = np.sqrt(expected * (1 - expected) / part.height)
        assert abs(found - expected) < 4 * error + 1e-3


def test_recency_alone_does_not_give_the_answer_away() -> None:
    made, seen = lived(0)
    known = outcomes(seen, 50, made.horizon)
    recent = seen.filter(pl.col("day") <= 50).group_by("DP_MSISDN").agg(pl.col("day").max())
    joined = known.join(recent, on="DP_MSISDN")
    silent = (50 - joined["day"]).to_numpy()
    assert 0.7 < roc_auc_score(joined["label"].to_numpy(), silent) < 0.95


def test_usage_follows_the_week_and_pay_day() -> None:
    _, seen = lived(0)
    daily = seen.group_by("day").agg(calls=pl.col("DP_MOC_COUNT").sum()).sort("day")
    dates = [date.fromordinal(START.toordinal() + day) for day in daily["day"]]
    marked = daily.with_columns(
        weekend=pl.Series([d.weekday() >= 5 for d in dates]),
        payday=pl.Series([d.day in (1, 2, 15, 16) for d in dates]),
    ).filter(pl.col("day") > 0)
    ordinary, weekend, payday = (
        mean(marked.filter(weekend=weekend, payday=payday)["calls"])
        for weekend, payday in [(False, False), (True, False), (False, True)]
    )
    assert weekend < 0.97 * ordinary
    assert payday > 1.04 * ordinary


def totals(frame: pl.DataFrame) -> dict[str, float]:
    return {name: float(frame[name].sum()) for name in MEASURE_NAMES} | {"rows": frame.height}


def after(name: str, first: int, last: int) -> tuple[dict[str, float], dict[str, float]]:
    """Totals of the days `first` to `last` without and with a drift from day 40 on."""
    plain = world(1_500)
    drifted = world(1_500, drifts=(Drift(name, 40),))
    assert rows(drifted.days(39, 39)).equals(rows(plain.days(39, 39)))
    return totals(rows(plain.days(first, last))), totals(rows(drifted.days(first, last)))


def test_unit_change_multiplies_the_volume_and_nothing_else() -> None:
    before, changed = after("unit_change", 40, 42)
    assert changed["DP_DATA_VOLUME"] == pytest.approx(1024 * before["DP_DATA_VOLUME"], rel=1e-4)
    assert changed["DP_MOC_COUNT"] == before["DP_MOC_COUNT"]


def test_new_plan_moves_calls_to_data_and_leaves_churn_alone() -> None:
    before, changed = after("new_plan", 40, 42)
    assert changed["DP_DATA_COUNT"] == pytest.approx(2.2 * before["DP_DATA_COUNT"], rel=0.05)
    assert changed["DP_MOC_COUNT"] == pytest.approx(0.55 * before["DP_MOC_COUNT"], rel=0.05)
    plain, drifted = world(500), world(500, drifts=(Drift("new_plan", 40),))
    assert drifted.oracle_probability(60).equals(plain.oracle_probability(60))


def test_gradual_fade_halves_usage_slowly() -> None:
    before, soon = after("gradual_fade", 40, 42)
    assert soon["DP_MOC_COUNT"] == pytest.approx(0.98 * before["DP_MOC_COUNT"], rel=0.02)
    before, late = after("gradual_fade", 120, 121)
    assert late["DP_MOC_COUNT"] == pytest.approx(0.5 * before["DP_MOC_COUNT"], rel=0.05)


def test_network_outage_silences_one_region_for_three_days() -> None:
    plain = world(1_500)
    drifted = world(1_500, drifts=(Drift("network_outage", 40),))
    regions = plain.subscribers(44).select("DP_MSISDN", "region")
    for day, dark in [(39, False), (40, True), (42, True), (43, False)]:
        share = [
            rows(w.days(day, day)).join(regions, on="DP_MSISDN").filter(region="centre").height
            for w in (plain, drifted)
        ]
        assert (share[1] < 0.1 * share[0]) == dark


def test_price_shock_makes_more_subscribers_leave() -> None:
    plain, shocked = world(1_500), world(1_500, drifts=(Drift("price_shock", 40),))
    calm, alarmed = (mean(w.oracle_probability(80)["probability"]) for w in (plain, shocked))
    assert alarmed > 1.5 * calm


def test_concept_flip_turns_round_what_fading_usage_says() -> None:
    def signal(made: World, measure: str) -> float:
        """Mean amount of those close to leaving over the mean of all others."""
        seen = rows(made.days(80, 82)).join(made.oracle_probability(79), on="DP_MSISDN")
        close = seen["probability"] > 0.05
        return mean(seen.filter(close)[measure]) / mean(seen.filter(~close)[measure])

    plain, flipped = world(1_500), world(1_500, drifts=(Drift("concept_flip", 40),))
    for measure in ("DP_MOC_COUNT", "DP_DATA_COUNT"):
        assert signal(plain, measure) < 0.9
        assert signal(flipped, measure) > 1.3 * signal(plain, measure)
    assert flipped.oracle_probability(79).equals(plain.oracle_probability(79))


def test_concept_flip_leaves_usage_itself_where_it_was() -> None:
    before, flipped = after("concept_flip", 70, 90)
    for name in ("DP_MOC_COUNT", "DP_MOSMS_COUNT", "DP_DATA_COUNT"):
        assert flipped[name] == pytest.approx(before[name], rel=0.05)
    assert flipped["rows"] == before["rows"]


def test_an_unknown_drift_is_refused_with_the_closest_known_one() -> None:
    with pytest.raises(SettingsError, match="did you mean 'price_shock'"):
        Drift("price_shok", 3)
    assert set(PLANS) == {
        "price_shock",
        "unit_change",
        "network_outage",
        "new_plan",
        "concept_flip",
        "gradual_fade",
    }
