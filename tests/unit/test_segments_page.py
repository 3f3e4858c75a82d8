"""The page of segments: what it says is what the tables say."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from flask import Flask

from bench.segments_data import made
from flaskapp.segments.world import FIRST, World
from lakehouse.clock import SystemClock
from lakehouse.domains.segments.card_features import card_features
from lakehouse.domains.segments.next_purchase import (
    FIRST_DAY,
    HORIZON,
    Coverage,
    day_number,
    mondays,
)
from lakehouse.domains.segments.segments import Shown
from lakehouse.domains.settings import Settings
from lakehouse.http import shared
from lakehouse.models import hazard, kmeans
from monitoring.segments import calibration, charts, drift, shares
from monitoring.segments.report import SegmentsReport
from pyspark_jobs.segments import train
from pyspark_jobs.segments.assign import SegmentModels, segments_of
from pyspark_jobs.segments.hazard_fit import here
from tests.rest.segments import TYPES

DAYS = 330
SINCE = FIRST + timedelta(days=250)
NEWEST = FIRST + timedelta(days=DAYS - 1)
COVERED = Coverage(FIRST, NEWEST - timedelta(days=1))


@pytest.fixture(scope="module")
def purchases() -> pl.DataFrame:
    return World(120, DAYS, seed=5).purchases()


@pytest.fixture(scope="module")
def placed(purchases: pl.DataFrame) -> pl.DataFrame:
    rows = made().train_rows()
    model = train.fit_history(here(rows), here(rows))
    models = SegmentModels(kmeans.encode(TYPES), hazard.encode(model), Shown(()), 1, 1)
    parts = [
        card_features(purchases, day).with_columns(
            pl.lit(day).alias("as_of"),
            pl.lit(float(day_number(day))).alias(FIRST_DAY),
            pl.lit(7.0).alias(HORIZON),
        )
        for day in mondays(SINCE, NEWEST)
    ]
    return segments_of(pl.concat(parts), models).sort("as_of", "card")


def test_sizes_add_up_and_examples_are_the_cards_purchases(
    placed: pl.DataFrame, purchases: pl.DataFrame
) -> None:
    found = shares.segments(placed, purchases)
    newest = placed.filter(pl.col("as_of") == pl.col("as_of").max())
    assert sum(one.cards for one in found) == len(newest)
    assert sum(one.share for one in found) == pytest.approx(1.0)
    assert all(len(one.weeks) == placed["as_of"].n_unique() for one in found)
    active = next(one for one in found if one.name == "often, active")
    assert active.p_7 > 0.5 and active.spent > 0
    assert all(len(card) == shares.EXAMPLE_WEEKS and sum(card) > 26 for card in active.examples)


def test_movers_are_those_whose_segment_differs_from_the_week_before() -> None:
    weeks = [date(2026, 1, 5), date(2026, 1, 12)]
    frame = pl.DataFrame(
        {
            "as_of": [weeks[0]] * 4 + [weeks[1]] * 4,
            "card": list("abcd") + list("abce"),
            "type": [0, 0, 1, 1, 0, 1, 1, 1],
            "segment": [0, 0, 3, 3, 1, 3, 3, 3],
            "segment_name": ["s0", "s0", "s3", "s3", "s1", "s3", "s3", "s3"],
        }
    )
    movers, of_types, flows = shares.moved(frame)
    assert movers == pytest.approx(2 / 3)
    assert of_types == pytest.approx(1 / 3)
    assert {(one.before, one.after, one.cards) for one in flows} == {
        ("s0", "s1", 1),
        ("s0", "s3", 1),
    }
    assert shares.moved(frame.head(4)) == (None, None, [])


def test_what_came_true_is_counted_from_the_day_itself_on() -> None:
    monday = date(2026, 1, 5)
    frame = pl.DataFrame({"as_of": [monday] * 4, "card": list("abcd")})
    bought = pl.DataFrame(
        {
            "card": ["a", "b", "c", "d", "c"],
            "date": [monday, date(2026, 1, 11), date(2026, 1, 12), monday, date(2026, 1, 4)],
            "amount": [1.0, 1.0, 1.0, -5.0, 1.0],
        }
    )
    assert calibration.came_true(frame, bought, 7).to_list() == [True, True, False, False]
    assert calibration.came_true(frame, bought, 1).to_list() == [True, False, False, False]


def test_a_week_is_realised_once_its_window_has_closed(
    placed: pl.DataFrame, purchases: pl.DataFrame
) -> None:
    weeks = calibration.by_week(placed, purchases, COVERED)
    open_ones = [one.as_of for one in weeks if one.realised is None]
    assert open_ones == [day for day in sorted(set(placed["as_of"])) if day > NEWEST - timedelta(7)]
    assert all(0 < one.estimated < 0.25 for one in weeks)
    by_k = calibration.by_horizon(placed, purchases, COVERED)
    assert [one.k for one in by_k] == [1, 3, 7, 14, 30]
    seven = next(one for one in by_k if one.k == 7)
    realised = [(one.realised or 0) * one.cards for one in weeks if one.realised is not None]
    assert seven.brier == pytest.approx(sum(realised) / seven.rows)


def test_a_dearer_world_is_noticed_and_an_unchanged_one_is_not(purchases: pl.DataFrame) -> None:
    quiet = drift.watch(World(300, DAYS, 5).purchases(), SINCE)
    assert [len(one.shifts) for one in quiet if one.feature.startswith("amount")] == [0]
    changed = World(300, DAYS, 5, "dearer", SINCE + timedelta(days=20)).purchases()
    amount = drift.watch(changed, SINCE)[0]
    assert amount.shifts and amount.shifts[0].day >= SINCE + timedelta(days=20)
    assert drift.watch(purchases.head(100), SINCE) == []


def test_the_page_shows_the_report(placed: pl.DataFrame, purchases: pl.DataFrame) -> None:
    from monitoring.segments import routes

    app = Flask(__name__)
    app.register_blueprint(shared.blueprint(Settings()))
    app.register_blueprint(routes.blueprint(Settings(state_dir="/nowhere"), SystemClock()))
    movers, of_types, flows = shares.moved(placed)
    found = SegmentsReport(
        as_of=NEWEST,
        cards=len(placed),
        claim="no separate groups: cuts of a continuum (the gap is 0.02)",
        segments=shares.segments(placed, purchases),
        psi=0.25,
        movers=movers,
        type_movers=of_types,
        flows=flows,
        calibration=calibration.by_horizon(placed, purchases, COVERED),
        weeks=calibration.by_week(placed, purchases, COVERED),
        drift=drift.watch(purchases, SINCE),
        false_alarms=drift.BUDGET,
    )
    from flask import render_template

    with app.test_request_context():
        html = render_template("segments.html", report=found, charts=charts)
    assert "No separate groups: cuts of a continuum" in html
    assert "which calls for a look" in html
    assert html.count("<figcaption>") == 5
    assert all(one.name in html for one in found.segments)
    # A script of the page itself, or a style in it, would be refused by its own policy.
    assert (
        html.count("<script") == html.count('<script type="module" src=') and "style=" not in html
    )


def test_charts_stay_within_their_boxes() -> None:
    values = np.random.default_rng(0).integers(0, 9, 26).tolist()
    boxes = charts.bars(values, 80, 20, 8)
    assert all(0 <= x < 80 and y >= 0 and y + h == pytest.approx(20) for x, y, _, h in boxes)
    assert charts.line([None, 1.0], 10, 4, 1.0) == "10.0,0.0"
