"""Segments week by week: sizes, examples of behaviour, and who has moved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import cast

import numpy as np
import polars as pl

from monitoring.segments.report import Flow, Segment

EXAMPLES, EXAMPLE_WEEKS, FLOWS = 6, 26, 8
SPENT_DAYS = 28
_LEAST = 1e-4


def segments(placed: pl.DataFrame, purchases: pl.DataFrame) -> list[Segment]:
    """The segments of the newest week; `placed` has a row for each card and week."""
    days = placed["as_of"].unique().sort().to_list()
    first, last = days[0], days[-1]
    shares = {day: share_of(placed, day) for day in days}
    newest = placed.filter(pl.col("as_of") == last).join(
        _spent(purchases, last), on="card", how="left"
    )
    found = []
    for (number, name), rows in newest.group_by("segment", "segment_name", maintain_order=True):
        at = cast(int, number)
        found.append(
            Segment(
                number=at,
                name=str(name),
                cards=len(rows),
                share=shares[last].get(at, 0.0),
                share_before=shares[first].get(at, 0.0),
                spent=_mean(rows["spent"].fill_null(0.0)),
                p_7=_mean(rows["p_7"]),
                p_30=_mean(rows["p_30"]),
                weeks=[shares[day].get(at, 0.0) for day in days],
                examples=_examples(rows, purchases, last),
            )
        )
    return sorted(found, key=lambda one: one.number)


def share_of(placed: pl.DataFrame, day: date) -> dict[int, float]:
    """The share of cards in each segment as of a day."""
    rows = placed.filter(pl.col("as_of") == day)
    counted = rows.group_by("segment").len()
    return {int(number): n / len(rows) for number, n in counted.iter_rows()}


def psi(before: dict[int, float], after: dict[int, float]) -> float:
    """The population stability index of two sets of shares.

    >>> psi({0: 0.5, 1: 0.5}, {0: 0.5, 1: 0.5})
    0.0
    """
    both = before.keys() | after.keys()
    pairs = [(max(before.get(x, 0), _LEAST), max(after.get(x, 0), _LEAST)) for x in both]
    return float(sum((b - a) * np.log(b / a) for a, b in pairs))


def moved(placed: pl.DataFrame) -> tuple[float | None, float | None, list[Flow]]:
    """The shares of cards with another segment and another type than a week before, and flows.

    None for both before there are two weeks.
    """
    days = placed["as_of"].unique().sort().to_list()
    if len(days) < 2:
        return None, None, []
    columns = ("card", "type", "segment", "segment_name")
    before, after = (placed.filter(pl.col("as_of") == day).select(columns) for day in days[-2:])
    both = before.join(after, on="card", suffix="_after")
    if both.is_empty():
        return None, None, []
    changed = both.filter(pl.col("segment") != pl.col("segment_after"))
    counted = changed.group_by("segment_name", "segment_name_after").len()
    flows = counted.sort(
        "len", "segment_name", "segment_name_after", descending=[True, False, False]
    )
    return (
        len(changed) / len(both),
        float((both["type"] != both["type_after"]).sum()) / len(both),
        [Flow(*row) for row in flows.head(FLOWS).iter_rows()],
    )


def _spent(purchases: pl.DataFrame, day: date) -> pl.DataFrame:
    window = pl.col("date").is_between(day - timedelta(days=SPENT_DAYS), day - timedelta(days=1))
    bought = purchases.filter(window & (pl.col("amount") > 0))
    return bought.group_by("card").agg(spent=pl.col("amount").sum())


def _examples(rows: pl.DataFrame, purchases: pl.DataFrame, last: date) -> list[list[int]]:
    """Purchases a week of some cards, the clearest of their type first."""
    chosen = rows.sort("clearness", "card", descending=[True, False]).head(EXAMPLES)["card"]
    begin = last - timedelta(weeks=EXAMPLE_WEEKS)
    mine = purchases.filter(
        pl.col("card").is_in(chosen.implode())
        & (pl.col("date") >= begin)
        & (pl.col("date") < last)
        & (pl.col("amount") > 0)
    )
    week = (pl.col("date") - pl.lit(begin)).dt.total_days() // 7
    counted = mine.group_by("card", week.alias("week")).len()
    by_card = {card: [0] * EXAMPLE_WEEKS for card in chosen}
    for card, at, n in counted.iter_rows():
        by_card[card][int(at)] = n
    return list(by_card.values())


def _mean(values: pl.Series) -> float:
    return float(cast(float, values.cast(pl.Float64).mean() or 0.0))
