"""How good the segments' models are on real purchase cards; skipped where those are not at hand."""

from __future__ import annotations

import pytest

from bench import segments_quality as quality
from bench.segments_data import BIRMINGHAM, Study, birmingham, made
from bench.segments_drift import drift
from bench.segments_page import page
from bench.segments_quality import BG_NBD, HISTORY, POISSON, RECENCY, REQUEST, Cut, Spending

needs_cards = pytest.mark.skipif(
    not BIRMINGHAM.exists(), reason="REAL_DATA_DIR names no folder with birmingham_pcard"
)


@pytest.fixture(scope="module")
def study() -> Study:
    return birmingham()


@pytest.fixture(scope="module")
def found(study: Study) -> Spending:
    return quality.spending(study)


@needs_cards
def test_the_hazard_on_history_meets_its_bars_on_later_data(found: Spending) -> None:
    week, month = found.judged[HISTORY, 7], found.judged[HISTORY, 30]
    assert (found.rows, found.cards) == (20_117, 998)
    assert week.auc >= 0.795
    assert week.brier <= 0.176
    assert week.error <= 0.015
    assert month.auc >= 0.835
    assert month.brier <= 0.147
    assert found.monotone == 1.0


@needs_cards
def test_it_beats_simpler_ways_on_the_same_rows(found: Spending) -> None:
    for way in (POISSON, BG_NBD):
        for k in (7, 30):
            gain = found.judged[way, k].gain
            assert gain is not None
            assert all(one.low > 0 for one in gain), (way, k)
    for k in (7, 30):
        gain = found.judged[RECENCY, k].gain
        assert gain is not None
        assert all(one.value > 0 for one in gain), k


@needs_cards
def test_three_numbers_of_a_request_are_worth_what_they_can_be(found: Spending) -> None:
    assert found.judged[REQUEST, 7].auc >= 0.76


@needs_cards
def test_a_shift_is_found_and_noise_is_not(study: Study) -> None:
    judged = drift(study, events=100_000, trials=20)
    assert judged.false_alarms <= 1
    assert judged.found >= 0.95 * judged.trials


def test_the_page_says_what_was_measured() -> None:
    study = made()
    cuts = [Cut(3, 0.46, 0.43, 0.9, 0.86, 0.03, 0.06, 0.01, 8)]
    text = page(quality.spending(study), cuts, quality.rules(study), drift(study, 2_000, 2))
    assert "cuts of a continuum" in text
    assert "| 3 x 3, shown as 8 | 0.460 |" in text
    assert max(map(len, text.split("\n\n")[0].splitlines())) <= 110
