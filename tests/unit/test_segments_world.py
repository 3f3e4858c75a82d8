"""The world of cards: by its seed, in order, and changed only from the day of a change on."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from flaskapp.segments.sending import PurchaseRequest
from flaskapp.segments.world import COLUMNS, DRIFTS, FIRST, World

CARDS, DAYS = 40, 300
CHANGED = FIRST + timedelta(days=200)


@pytest.fixture(scope="module")
def purchases() -> pl.DataFrame:
    return World(CARDS, DAYS, seed=1).purchases()


def test_the_same_seed_gives_the_same_purchases_in_order_of_days(purchases: pl.DataFrame) -> None:
    assert purchases.equals(World(CARDS, DAYS, seed=1).purchases())
    assert not purchases.equals(World(CARDS, DAYS, seed=2).purchases())
    assert tuple(purchases.columns) == COLUMNS
    assert purchases["date"].is_sorted()
    assert purchases["card"].str.contains(r"^[0-9a-f]{32}$").all()
    refunds = (purchases["amount"] < 0).mean()
    assert isinstance(refunds, float) and 0.005 < refunds < 0.05


@pytest.mark.parametrize("drift", sorted(DRIFTS))
def test_a_change_leaves_what_came_before_as_it_was(purchases: pl.DataFrame, drift: str) -> None:
    changed = World(CARDS, DAYS, 1, drift, CHANGED).purchases()
    before, after = pl.col("date") < CHANGED, pl.col("date") >= CHANGED
    assert changed.filter(before).equals(purchases.filter(before))
    was, now = purchases.filter(after), changed.filter(after)
    if drift == "dearer":
        assert len(now) == len(was)
        assert float(now["amount"].sum()) == pytest.approx(1.35 * float(was["amount"].sum()), 0.01)
    else:
        assert len(now) > 1.25 * len(was)


def test_a_stream_without_a_mode_replays_the_world() -> None:
    assert PurchaseRequest().mode == "replay"
