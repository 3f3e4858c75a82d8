"""What a card's purchases say about it as of the end of a day: one pure function for all uses.

The stream, a backfill, training and a request all call `card_features`. Amounts are summed as whole
thousandths, so no figure depends on the order or the batches in which purchases came.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

WINDOW_DAYS = 180
FEATURE_VERSION = 1
YOUNG_DAYS = 28
# The columns that a purchase needs; `amount` is DECIMAL(18, 3), negative for a refund.
PURCHASE = ("card", "merchant", "amount", "date")
FEATURES = {
    "days_bought": "days with a purchase",
    "n": "purchases",
    "amount": "sum of the purchases",
    "merchants": "distinct merchants",
    "ticket": "amount per purchase",
    "recency": "quiet days: 0 when it bought yesterday",
    "median_gap": "median days from one day with a purchase to the next; 180 without a second day",
    "longest_gap": "the longest such gap; 180 without a second day",
    "tenure": "days from its first purchase ever to the end of yesterday",
    "days_7": "days with a purchase, last 7 days",
    "days_14": "days with a purchase, last 14 days",
    "days_28": "days with a purchase, last 28 days",
    "days_56": "days with a purchase, last 56 days",
    "days_90": "days with a purchase, last 90 days",
    "n_7": "purchases, last 7 days",
    "n_28": "purchases, last 28 days",
    "amount_28": "sum of the purchases, last 28 days",
    "refunds": "refunds",
    "refunded": "sum of the refunds, above 0",
}
_AGO, _THOUSANDTHS = pl.col("ago"), 1_000
_SUMS, _TICKET = ("amount", "amount_28", "refunded"), "ticket"


def card_features(purchases: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The features of every card with a purchase in the 180 days before `as_of`.

    `purchases` holds the whole history of its cards (card, merchant, amount, date); rows from
    `as_of` on are not looked at. The result has `card` and `FEATURES` as doubles, sorted by card.
    A refund (an amount below 0) counts only in the two features of refunds; an amount of 0 nowhere.

    >>> from decimal import Decimal
    >>> bought = pl.DataFrame({"card": ["a"], "merchant": ["m"], "amount": [Decimal("9.500")],
    ...                        "date": [date(2026, 1, 1)]})
    >>> card_features(bought, date(2026, 1, 3)).select("n", "recency", "tenure").row(0)
    (1.0, 1.0, 2.0)
    """
    day, first = pl.col("date"), as_of - timedelta(days=WINDOW_DAYS)
    thousandths = (pl.col("amount").cast(pl.Decimal(38, 3)) * _THOUSANDTHS).cast(pl.Int64)
    ago = (pl.lit(as_of) - day).dt.total_days() - 1
    known = purchases.filter(day < as_of).with_columns(ago=ago, thousandths=thousandths)
    bought = known.filter(pl.col("thousandths") > 0)
    born = bought.group_by("card").agg(tenure=_AGO.max() + 1)
    refunds = known.filter(pl.col("thousandths") < 0, day >= first)
    back = refunds.group_by("card").agg(refunds=pl.len(), refunded=-pl.col("thousandths").sum())
    window = bought.filter(day >= first).group_by("card").agg(*_of_the_window())
    rows = window.join(born, on="card").join(back, on="card", how="left")
    columns = [pl.col(name).cast(pl.Float64).fill_null(0.0) for name in FEATURES if name != _TICKET]
    return _with_quotients(rows.select("card", *columns)).sort("card")


def _with_quotients(rows: pl.DataFrame) -> pl.DataFrame:
    """Sums of thousandths as amounts, and the ticket.

    numpy divides: polars multiplies by the reciprocal of a divisor that all rows share, and so the
    last bit of a card's figure would depend on which cards stand beside it.
    """
    sums = {name: rows[name].to_numpy() / _THOUSANDTHS for name in _SUMS}
    sums[_TICKET] = sums["amount"] / rows["n"].to_numpy()
    found = rows.with_columns(pl.Series(name, values) for name, values in sums.items())
    return found.select("card", *FEATURES)


def _of_the_window() -> list[pl.Expr]:
    """All figures of one card's purchases within the window."""
    spent = pl.col("thousandths")
    gaps = _AGO.unique().sort().diff()
    never = pl.lit(float(WINDOW_DAYS))
    return [
        _AGO.n_unique().alias("days_bought"),
        pl.len().alias("n"),
        spent.sum().alias("amount"),
        pl.col("merchant").n_unique().alias("merchants"),
        _AGO.min().alias("recency"),
        gaps.median().fill_null(never).alias("median_gap"),
        gaps.max().cast(pl.Float64).fill_null(never).alias("longest_gap"),
        *(_AGO.filter(n > _AGO).n_unique().alias(f"days_{n}") for n in (7, 14, 28, 56, 90)),
        *((n > _AGO).sum().alias(f"n_{n}") for n in (7, 28)),
        spent.filter(_AGO < 28).sum().alias("amount_28"),
    ]
