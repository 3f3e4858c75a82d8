"""The best that anybody could know: the probability of a fraud by the world's own laws.

The filter knows the laws and sees the events, in order, but neither the truth nor the accounts'
habits: those it infers from the amounts that each account has paid before.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from flaskapp.fraud.laws import (
    AMOUNT_SPREAD,
    FRAUD_SPREAD,
    HABIT_MEAN,
    HABIT_SPREAD,
    SCALED,
    Floats,
)
from flaskapp.fraud.world import CardWorld
from lakehouse.domains.fraud.contracts import COMPONENTS

_LEAST_AMOUNT = 0.005


def probabilities(world: CardWorld, rows: pl.DataFrame, first: int = 0) -> Floats:
    """Probability of a fraud for each of the world's rows from payment `first` on, in order.

    All rows must be on one side of the world's change. Bayes' rule over honest payments and every
    pattern, with the account's habit integrated out (normal, with a normal prior).
    """
    laws, change = world.laws, world.change_at(first)
    seen = rows[SCALED] / change.component_factor
    values = rows.with_columns(seen.alias(SCALED)).select(COMPONENTS).to_numpy()
    values = values / laws.scale - laws.season(change)
    amount = rows["Amount"].to_numpy() / change.amount_factor
    log_amount = np.log(np.maximum(amount, _LEAST_AMOUNT)) - change.season
    mean, variance = _habits(rows["account_number"], log_amount)
    honest = _log_normal(log_amount, mean, variance + AMOUNT_SPREAD**2)
    honest += -0.5 * (values**2).sum(axis=1)
    shares = laws.shares(rows["Time"].to_numpy(), change)
    frauds = np.full((len(rows), len(laws.shift)), -np.inf)
    for number, shift in enumerate(laws.shift):
        priced = _log_normal(log_amount, mean + laws.dearer[number], variance + FRAUD_SPREAD**2)
        with np.errstate(divide="ignore"):
            share = np.log(shares[:, number])
        frauds[:, number] = share + priced - 0.5 * ((values - shift) ** 2).sum(axis=1)
    fraud = np.logaddexp.reduce(frauds, axis=1) + np.log(laws.rate)
    log_odds = fraud - honest - np.log1p(-laws.rate)
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


def _habits(account: pl.Series, log_amount: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of each payment's habit, by the account's payments before it."""
    before = (
        pl.DataFrame({"account": account, "paid": log_amount})
        .with_columns(
            total=pl.col("paid").cum_sum().over("account") - pl.col("paid"),
            count=pl.col("paid").cum_count().over("account") - 1,
        )
        .select("total", "count")
    )
    precision = 1 / HABIT_SPREAD**2 + before["count"].to_numpy() / AMOUNT_SPREAD**2
    total = HABIT_MEAN / HABIT_SPREAD**2 + before["total"].to_numpy() / AMOUNT_SPREAD**2
    return total / precision, 1 / precision


def _log_normal(value: Floats, mean: Floats, variance: Floats) -> Floats:
    return -0.5 * ((value - mean) ** 2 / variance + np.log(variance))
