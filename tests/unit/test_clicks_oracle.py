"""The oracle of the shop: nobody ranks its windows better, and its odds are what happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from lakehouse.domains.clicks import world
from lakehouse.domains.clicks.contracts import PAGES, VIEWS
from lakehouse.domains.clicks.oracle import SLIDE_S, SLIDES, Oracle
from lakehouse.metrics import ScoredLabels

START = datetime(2026, 5, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHARE = 0.2


@pytest.fixture(scope="module")
def windows() -> pl.DataFrame:
    """Windows of 600 visitors, counted without the SQL, and whose they are."""
    crowd = {str(one.id): one for one in world.visitors(600, SHARE, seed=11)}
    views: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for click in world.clicks(list(crowd.values()), START, HOUR, seed=11):
        slide = int(click.ts.timestamp()) // SLIDE_S
        for back in range(SLIDES):
            views[click.user_id, slide - back][click.event] += 1
    rows = [
        {name: found[page] for name, page in zip(VIEWS, PAGES, strict=True)}
        | {"platform": crowd[user].platform, "nb_orders": crowd[user].nb_orders}
        | {"is_bot": int(crowd[user].kind != "person")}
        for (user, _), found in views.items()
    ]
    return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def odds(windows: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    columns = {name: windows[name].to_numpy() for name in (*VIEWS, "nb_orders")}
    return Oracle(SHARE, HOUR).odds(columns, windows["platform"].to_list())


def test_it_ranks_better_than_any_one_figure(
    windows: pl.DataFrame, odds: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> None:
    label = windows["is_bot"].to_numpy()
    best = ScoredLabels(odds, label).roc_auc()
    others = [*VIEWS, "nb_orders"]
    rivals = {name: ScoredLabels(windows[name].to_numpy(), label).roc_auc() for name in others}
    assert best > 0.9
    assert best > max(max(one, 1 - one) for one in rivals.values()), rivals


def test_its_probabilities_are_how_often_a_window_is_a_bots(
    windows: pl.DataFrame, odds: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> None:
    probability, label = odds / (1 + odds), windows["is_bot"].to_numpy()
    assert abs(probability.mean() - label.mean()) < 0.03
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        chosen = (probability >= low) & (probability < high)
        assert chosen.sum() > 30
        assert abs(probability[chosen].mean() - label[chosen].mean()) < 0.15, (low, high)
