"""How genuine and fraudulent purchases look: to draw one, and how likely a given one is.

A purchase is a category, an amount, a distance from home, and whether the merchant is one of the
cardholder's favourites; its hour comes from when it happens. Fraudsters learn: with `evasion` 1
only the hour and the haste give them away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from flaskapp.cards.world.population import (
    FAVOURITES,
    MERCHANTS_PER_CATEGORY,
    TYPICAL,
    Cardholder,
    Floats,
)
from lakehouse.domains.cards.features import CATEGORIES

SPREAD, FRAUD_SPREAD = 0.6, 0.5
NEAR, FAR = 0.25, 0.8  # degrees from home, standard deviation
LOYALTY, FRAUD_LOYALTY = 0.75, FAVOURITES / MERCHANTS_PER_CATEGORY
_FRAUD_FAVOURITES = ("shopping_net", "misc_net", "grocery_pos", "shopping_pos")
_LEVELS = np.array([TYPICAL[name] for name in CATEGORIES])
FRAUD_SHARES = np.array([6.0 if name in _FRAUD_FAVOURITES else 1.0 for name in CATEGORIES])
FRAUD_SHARES = FRAUD_SHARES / FRAUD_SHARES.sum()
FRAUD_LEVEL = 4.8  # the logarithm of about 120


def _hours(peaks: tuple[float, ...], width: float) -> Floats:
    clock = np.arange(24.0)
    weights = np.full(24, 0.15)
    for peak in peaks:
        apart = np.minimum(abs(clock - peak), 24 - abs(clock - peak))
        weights += np.exp(-((apart / width) ** 2))
    shares: Floats = weights / weights.sum()
    return shares


# Thieves buy at any hour.
HOURS, FRAUD_HOURS = _hours((12.0, 18.0), 3.0), np.full(24, 1 / 24)


class Purchase(NamedTuple):
    """What is drawn of a purchase: `north` and `east` are degrees from home."""

    category: int
    log_amount: float
    north: float
    east: float
    is_favourite: bool


@dataclass(frozen=True)
class Plan:
    """How the world changes: `evasion` of fraudsters, and the shift of all logarithms of amounts.

    Both grow from nothing to this over `days`; with 0 days they are there from the start.
    """

    evasion: float = 0.0
    inflation: float = 0.0
    days: float = 30.0

    def at(self, day: float) -> tuple[float, float]:
        """Evasion and inflation on a day since the beginning."""
        share = min(max(day, 0.0) / self.days, 1.0) if self.days else 1.0
        return self.evasion * share, self.inflation * share


PLANS = {
    "steady": Plan(evasion=0.3, days=0.0),
    "evasion": Plan(evasion=0.7),
    "inflation": Plan(evasion=0.3, inflation=0.5),
}


def genuine(rng: np.random.Generator, who: Cardholder, inflation: float) -> Purchase:
    """A purchase of the cardholder."""
    category = _pick(rng, who.shares)
    level = _LEVELS[category] + who.level + inflation
    return Purchase(
        category,
        float(rng.normal(level, SPREAD)),
        float(rng.normal(0, NEAR)),
        float(rng.normal(0, NEAR)),
        bool(rng.random() < LOYALTY),
    )


def fraudulent(
    rng: np.random.Generator, who: Cardholder, evasion: float, inflation: float
) -> Purchase:
    """A purchase of somebody who has got hold of the card."""
    own = genuine(rng, who, inflation)
    if rng.random() < evasion:
        return own
    return Purchase(
        _pick(rng, FRAUD_SHARES),
        float(rng.normal(FRAUD_LEVEL + inflation, FRAUD_SPREAD)),
        float(rng.normal(0, FAR)),
        float(rng.normal(0, FAR)),
        bool(rng.random() < FRAUD_LOYALTY),
    )


def likelihoods(
    who: Cardholder, one: Purchase, hour: int, change: tuple[float, float]
) -> tuple[float, float]:
    """Density of a purchase at `hour` if it is genuine, and if it is fraudulent.

    `change` is evasion and inflation by then.
    """
    evasion, inflation = change
    own = (
        who.shares[one.category]
        * _normal(one.log_amount, _LEVELS[one.category] + who.level + inflation, SPREAD)
        * _normal(one.north, 0, NEAR)
        * _normal(one.east, 0, NEAR)
        * (LOYALTY if one.is_favourite else 1 - LOYALTY)
    )
    thief = (
        FRAUD_SHARES[one.category]
        * _normal(one.log_amount, FRAUD_LEVEL + inflation, FRAUD_SPREAD)
        * _normal(one.north, 0, FAR)
        * _normal(one.east, 0, FAR)
        * (FRAUD_LOYALTY if one.is_favourite else 1 - FRAUD_LOYALTY)
    )
    fraud = evasion * own + (1 - evasion) * thief
    return float(own * HOURS[hour]), float(fraud * FRAUD_HOURS[hour])


def _pick(rng: np.random.Generator, shares: Floats) -> int:
    return min(int(np.searchsorted(np.cumsum(shares), rng.random())), len(shares) - 1)


def _normal(value: float, mean: float, spread: float) -> float:
    return math.exp(-0.5 * ((value - mean) / spread) ** 2) / spread
