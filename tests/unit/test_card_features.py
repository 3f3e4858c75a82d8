from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from lakehouse.domains.segments.card_features import FEATURES, card_features
from lakehouse.domains.segments.contracts import AMOUNT_MAX
from lakehouse.domains.segments.keys import card_key
from lakehouse.domains.segments.next_purchase import (
    Coverage,
    bought_within,
    mondays,
    with_next_purchase,
)
from lakehouse.domains.segments.segments import cell, joined, show, state
from pyspark_jobs.segments.weeks import _week

AS_OF = date(2026, 7, 6)


def purchases(*rows: tuple[str, str, str, int]) -> pl.DataFrame:
    """Purchases: card, merchant, amount, and how many days before `AS_OF`."""
    return pl.DataFrame(
        {
            "card": [row[0] for row in rows],
            "merchant": [row[1] for row in rows],
            "amount": pl.Series([Decimal(row[2]) for row in rows], dtype=pl.Decimal(18, 3)),
            "date": [AS_OF - timedelta(days=row[3]) for row in rows],
        }
    )


def world(cards: int = 40, rows: int = 3_000, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return purchases(
        *(
            (f"card{c}", f"m{m}", f"{a:.2f}", int(d))
            for c, m, a, d in zip(
                rng.integers(0, cards, rows),
                rng.integers(0, 9, rows),
                rng.normal(30, 25, rows),
                rng.integers(-20, 400, rows),
                strict=True,
            )
        )
    )


def test_the_features_of_one_card_are_those_worked_out_by_hand() -> None:
    bought = purchases(
        ("a", "x", "10.50", 1), ("a", "y", "4.50", 1), ("a", "x", "20.00", 11),
        ("a", "x", "5.00", 15), ("a", "z", "2.00", 300), ("a", "x", "-3.25", 2),
        ("a", "x", "0.00", 3), ("a", "x", "99.00", 0),
    )  # fmt: skip
    assert card_features(bought, AS_OF).select(*FEATURES).row(0, named=True) == {
        "days_bought": 3.0, "n": 4.0, "amount": 40.0, "merchants": 2.0, "ticket": 10.0,
        "recency": 0.0, "median_gap": 7.0, "longest_gap": 10.0, "tenure": 300.0, "days_7": 1.0,
        "days_14": 2.0, "days_28": 3.0, "days_56": 3.0, "days_90": 3.0, "n_7": 2.0, "n_28": 4.0,
        "amount_28": 40.0, "refunds": 1.0, "refunded": 3.25,
    }  # fmt: skip


def test_the_largest_amounts_that_are_taken_are_summed_exactly() -> None:
    """Every purchase of a card that can buy for no more buys for the most, and sends it back."""
    many = 5_000
    most = pl.Series([Decimal(AMOUNT_MAX)], dtype=pl.Decimal(18, 3))
    bought = pl.DataFrame(
        {
            "card": ["a"] * many,
            "merchant": ["m"] * many,
            "amount": pl.concat([most] * (many // 2) + [-most] * (many // 2)),
            "date": [AS_OF - timedelta(days=1)] * many,
        }
    )
    found = card_features(bought, AS_OF).row(0, named=True)
    assert (found["amount"], found["refunded"]) == (2.5e12, 2.5e12)
    assert (found["amount_28"], found["ticket"]) == (2.5e12, 1e9)


def test_a_months_spending_is_the_sum_of_the_largest_amounts() -> None:
    rows = [("a", "m", "1", 40), *[("a", "m", str(AMOUNT_MAX), 3)] * 5_000]
    found = _week(purchases(*rows), AS_OF - timedelta(days=5))
    assert found["spent"].to_list() == [5e12]


def test_a_card_of_one_day_has_the_gap_of_the_window_and_one_of_refunds_alone_no_row() -> None:
    found = card_features(purchases(("a", "x", "1", 9), ("b", "x", "-1", 9)), AS_OF)
    assert found.select("card", "median_gap", "longest_gap", "recency").rows() == [
        ("a", 180.0, 180.0, 8.0)
    ]


@pytest.mark.parametrize(("ago", "rows"), [(0, 0), (1, 1), (180, 1), (181, 0)])
def test_the_window_is_the_180_days_before_the_day(ago: int, rows: int) -> None:
    assert len(card_features(purchases(("a", "x", "1", ago)), AS_OF)) == rows


def test_no_purchases_have_no_features() -> None:
    assert card_features(world().clear(), AS_OF).columns == ["card", *FEATURES]


def test_order_and_later_purchases_change_no_bit() -> None:
    bought = world()
    known = bought.filter(pl.col("date") < AS_OF)
    shuffled = known.sample(fraction=1.0, shuffle=True, seed=3)
    expected = card_features(bought, AS_OF)
    assert expected.equals(card_features(shuffled, AS_OF))
    parts = [card_features(part, AS_OF) for part in known.partition_by("card")]
    assert expected.equals(pl.concat(parts).sort("card"))


def test_a_card_number_becomes_a_key_that_only_the_secret_gives() -> None:
    key = card_key("4111-1111 2222", "s" * 16)
    assert len(key) == 32
    assert "4111" not in key
    assert key != card_key("411111112222", "t" * 16)


COVERED = Coverage(date(2026, 1, 1), date(2026, 12, 31), ((date(2026, 7, 20), date(2026, 7, 26)),))


def test_days_in_a_hole_are_unknown_and_not_days_without_a_purchase() -> None:
    bought = purchases(("a", "x", "1", 5), ("b", "x", "1", 5), ("b", "x", "1", -1))
    rows = with_next_purchase(card_features(bought, AS_OF), bought, AS_OF, COVERED)
    assert rows.select("card", "wait", "seen").rows() == [("a", 0, 14), ("b", 2, 14)]
    for k, known in ((14, [True, True]), (15, [False, False])):
        assert bought_within(rows, k)[1].tolist() == known
    assert bought_within(rows, 14)[0].tolist() == [False, True]
    assert COVERED.days_ahead(date(2026, 7, 22)) == 0
    assert COVERED.days_ahead(date(2026, 7, 27)) == 158
    inside = with_next_purchase(card_features(bought, AS_OF), bought, date(2026, 7, 22), COVERED)
    assert inside["seen"].to_list() == [0, 0]


def test_a_purchase_on_the_day_itself_is_one_within_a_day() -> None:
    bought = purchases(("a", "x", "1", 5), ("a", "x", "1", 0))
    rows = with_next_purchase(card_features(bought, AS_OF), bought, AS_OF, COVERED)
    assert bought_within(rows, 1)[0].tolist() == [True]


def test_mondays_are_mondays() -> None:
    assert mondays(date(2026, 7, 1), date(2026, 7, 14)) == [date(2026, 7, 6), date(2026, 7, 13)]


def test_small_segments_join_the_neighbour_that_spends_alike_and_none_is_lost() -> None:
    kind = np.repeat([0, 1, 2], [300, 300, 400]).astype(np.int32)
    recency = np.tile([0.0, 0.0, 10.0, 10.0, 30.0], 200)
    recency[600:] = np.where(recency[600:] == 30, 10.0, recency[600:])
    recency[600:605] = 40.0
    cells = cell(kind, state(recency))
    spent = 5.0 + kind - 3.0 * state(recency)
    shown = joined(cells, 3, spent)
    # Cells 5 and 7 are a step away; the cards of 5 spend more like those of 8. So do those of 1.
    assert shown[8] == shown[5] != shown[7]
    assert shown[8] != shown[1]
    assert [shown[one] for one in (0, 3, 6)] == [0, 3, 6]
    shares = np.bincount(show(cells, shown), minlength=9) / 1000
    assert shares[shares > 0].min() >= 0.05
    assert set(shown) == set(range(9))


def test_one_card_is_one_segment() -> None:
    alone = np.array([4], np.int32)
    assert set(joined(alone, 3, np.array([1.0])).values()) == {0}
