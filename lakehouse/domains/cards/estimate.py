"""Precision and recall from the transactions that somebody has looked at, without bias.

Flagged transactions are all looked at, others by chance. Counting them alike would make recall look
far too good; each verified one stands for 1 / chance transactions (D. G. Horvitz and
D. J. Thompson, A generalization of sampling without replacement, 1952).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Verified(NamedTuple):
    """A transaction that was looked at: whether it was flagged, was a fraud, and its chance."""

    flagged: bool
    is_fraud: bool
    chance: float


class Estimate(NamedTuple):
    """A figure and its standard error."""

    value: float
    error: float


def recall(rows: Iterable[Verified]) -> Estimate:
    """Share of all frauds that were flagged, and its standard error.

    The error is that of a ratio of sums over rows drawn with replacement (M. H. Hansen and
    W. N. Hurwitz, On the theory of sampling from finite populations, 1943), which errs on the safe
    side. NaN when no fraud is known.

    >>> found = [Verified(True, True, 1.0)] * 8 + [Verified(False, True, 0.1)]
    >>> round(recall(found).value, 3)
    0.444
    """
    frauds = [one for one in rows if one.is_fraud]
    total = sum(1 / one.chance for one in frauds)
    if not total:
        return Estimate(math.nan, math.nan)
    value = sum(1 / one.chance for one in frauds if one.flagged) / total
    spread = sum((float(one.flagged) - value) ** 2 / one.chance**2 for one in frauds)
    variance = spread * len(frauds) / max(len(frauds) - 1, 1)
    return Estimate(value, math.sqrt(variance) / total)


def precision(rows: Iterable[Verified]) -> Estimate:
    """Share of the flagged that were frauds, and its binomial standard error; NaN if none is."""
    flagged = [one.is_fraud for one in rows if one.flagged]
    if not flagged:
        return Estimate(math.nan, math.nan)
    value = sum(flagged) / len(flagged)
    return Estimate(value, math.sqrt(value * (1 - value) / len(flagged)))
