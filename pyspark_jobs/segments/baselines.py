"""Simpler ways to say whether a card buys within k days: what the hazard has to beat."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.optimize import minimize
from scipy.special import betaln, expit, gammaln, hyp2f1
from sklearn.linear_model import LogisticRegression

from lakehouse.domains.segments.card_features import WINDOW_DAYS
from lakehouse.domains.segments.next_purchase import bought_within
from lakehouse.models.forest import Floats


def poisson(rows: pl.DataFrame, k: int) -> Floats:
    """A card buys at the rate of its days bought in the window."""
    return 1.0 - np.exp(-rows["days_bought"].to_numpy() / WINDOW_DAYS * k)


def recency_frequency(train: pl.DataFrame, rows: pl.DataFrame, k: int) -> Floats:
    """A logistic regression on the logarithms of days bought and quiet days, for this k alone."""
    did, known = bought_within(train, k)
    design = [np.log1p(one.select("days_bought", "recency").to_numpy()) for one in (train, rows)]
    fitted = LogisticRegression().fit(design[0][known], did[known])
    found: Floats = fitted.predict_proba(design[1])[:, 1]
    return found


class BgNbd:
    """BG/NBD (Fader, Hardie and Lee 2005, Marketing Science 24:2), fitted by maximum likelihood.

    The probability of a purchase is 1 - exp(-E), where E is the number expected within k days.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        repeats, last, age = _counts(rows)

        def loss(logs: Floats) -> float:
            r, alpha, a, b = np.exp(logs)
            common = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
            alive = betaln(a, b + repeats) - betaln(a, b) - (r + repeats) * np.log(alpha + age)
            left = (
                betaln(a + 1, b + np.maximum(repeats, 1) - 1)
                - betaln(a, b)
                - (r + repeats) * np.log(alpha + last)
            )
            both = np.where(repeats > 0, np.logaddexp(alive, left), alive)
            return -float((common + both).mean()) + 1e-4 * float((logs**2).sum())

        self._logs = minimize(loss, np.zeros(4), method="Nelder-Mead", options={"maxiter": 2_000}).x

    def probability(self, rows: pl.DataFrame, k: int) -> Floats:
        """That a card buys within k days."""
        repeats, last, age = _counts(rows)
        r, alpha, a, b = np.exp(self._logs)
        x = repeats
        shrunk = hyp2f1(r + x, b + x, a + b + x - 1, k / (alpha + age + k))
        many = ((alpha + age) / (alpha + age + k)) ** (r + x) * shrunk
        gone = np.log(a / (b + np.maximum(x, 1) - 1)) + (r + x) * np.log(
            (alpha + age) / (alpha + last)
        )
        alive = np.where(x > 0, expit(-gone), 1.0)
        expected = (a + b + x - 1) / (a - 1) * (1 - many) * alive
        found: Floats = 1.0 - np.exp(-np.maximum(expected, 0.0))
        return found


def _counts(rows: pl.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Repeated days, day of the last one and age, within the window."""
    age = np.minimum(rows["tenure"].to_numpy(), WINDOW_DAYS)
    older = rows["tenure"].to_numpy() > WINDOW_DAYS
    repeats = rows["days_bought"].to_numpy() - ~older
    last = np.where(repeats > 0, age - rows["recency"].to_numpy(), 0.0)
    return repeats, np.maximum(last, 0.0), age
