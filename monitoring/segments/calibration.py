"""Whether the probabilities came true, by k, in windows that have closed."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from lakehouse.domains.segments.next_purchase import Coverage
from lakehouse.metrics import calibration_error
from lakehouse.models.forest import Floats
from monitoring.segments.report import Bin, Calibration, Week

HORIZONS = (1, 3, 7, 14, 30)
BINS, LEAST_ROWS = 10, 100
_WEEK = 7


def came_true(placed: pl.DataFrame, purchases: pl.DataFrame, k: int) -> pl.Series:
    """Whether each card of each week bought within k days from its `as_of` on."""
    days = purchases.filter(pl.col("amount") > 0).select("card", "date").unique().sort("date")
    nearest = placed.with_row_index("row").sort("as_of").join_asof(
        days, left_on="as_of", right_on="date", by="card", strategy="forward",
        check_sortedness=False,
    )  # fmt: skip
    within = (pl.col("date") < pl.col("as_of") + pl.duration(days=k)).fill_null(False)
    return nearest.sort("row").select(within.alias("did"))["did"]


def by_horizon(
    placed: pl.DataFrame, purchases: pl.DataFrame, coverage: Coverage
) -> list[Calibration]:
    """One entry for each k with enough closed windows."""
    found = []
    for k in HORIZONS:
        rows = placed.filter(pl.col("as_of").is_in(_closed(placed, coverage, k)))
        if len(rows) < LEAST_ROWS:
            continue
        did = came_true(rows, purchases, k).to_numpy().astype(np.float64)
        chance = rows[f"p_{k}"].to_numpy()
        brier, error = float(((chance - did) ** 2).mean()), calibration_error(chance, did)
        found.append(Calibration(k, len(rows), brier, error, _bins(chance, did)))
    return found


def by_week(placed: pl.DataFrame, purchases: pl.DataFrame, coverage: Coverage) -> list[Week]:
    """The Brier score of k = 7, week by week.

    Of probabilities that are right, the score is the mean of p * (1 - p): that is its estimate.
    """
    closed = set(_closed(placed, coverage, _WEEK))
    found = []
    for (day,), rows in placed.sort("as_of").group_by("as_of", maintain_order=True):
        chance = rows["p_7"].to_numpy()
        estimated = float((chance * (1 - chance)).mean())
        realised = None
        if isinstance(day, date) and day in closed:
            did = came_true(rows, purchases, _WEEK).to_numpy().astype(np.float64)
            realised = float(((chance - did) ** 2).mean())
        if isinstance(day, date):
            found.append(Week(day, len(rows), estimated, realised))
    return found


def coverage_of(purchases: pl.DataFrame, holes: tuple[tuple[date, date], ...]) -> Coverage:
    """The days that are recorded; the newest one may not be over and does not count."""
    first, last = purchases["date"].min(), purchases["date"].max()
    if not isinstance(first, date) or not isinstance(last, date):
        raise ValueError("there are no purchases")
    return Coverage(first, last - timedelta(days=1), holes)


def _closed(placed: pl.DataFrame, coverage: Coverage, k: int) -> list[date]:
    return [day for day in placed["as_of"].unique().to_list() if coverage.days_ahead(day) >= k]


def _bins(chance: Floats, did: Floats) -> list[Bin]:
    order = np.argsort(chance, kind="stable")
    parts = [one for one in np.array_split(order, BINS) if len(one)]
    return [Bin(float(chance[p].mean()), float(did[p].mean()), len(p)) for p in parts]
