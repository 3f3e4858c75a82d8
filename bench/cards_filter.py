"""A filter that knows the world's laws and has to learn each card's habits from what it has seen.

The world's own oracle knows the habits: how often a cardholder buys what, where, and for how much.
This one knows only how habits are distributed, and what the card has done so far; how far it stays
behind the oracle is the price of not knowing anybody.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flaskapp.cards.world.behaviour import (
    FAR,
    FRAUD_HOURS,
    FRAUD_LEVEL,
    FRAUD_SHARES,
    FRAUD_SPREAD,
    HOURS,
    LOYALTY,
    NEAR,
    SPREAD,
)
from flaskapp.cards.world.oracle import Filter, Rates
from flaskapp.cards.world.population import FAVOURITES, MERCHANTS_PER_CATEGORY, TYPICAL, Floats
from lakehouse.domains.cards.features import CATEGORIES

# How the world draws habits: shares of categories (Dirichlet), level of amounts (normal), and
# purchases a day (gamma).
SHARE, LEVEL, SHAPE, SCALE = 0.8, 0.35, 3.0, 0.8
_TYPICAL = [TYPICAL[name] for name in CATEGORIES]


def _shares() -> Floats:
    return np.full(len(CATEGORIES), SHARE)


@dataclass
class Learner:
    """What is known of one card; each purchase counts as far as it is held to be genuine."""

    fraud_rate: float
    categories: Floats = field(default_factory=_shares)
    merchants: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seen: float = 0.0
    levels: float = 0.0
    watch: Filter | None = None

    def judge(self, row: dict[str, Any], day: float, change: tuple[float, float]) -> float:
        """The chance that a purchase on a day is a fraud; `change` is evasion and inflation."""
        evasion, inflation = change
        number = CATEGORIES.index(row["category"])
        own, apart = self._own(row, number, inflation)
        thief = self._thief(row, number, inflation)
        hour, per_day = int(day % 1 * 24), (SHAPE + self.seen) / (1 / SCALE + day)
        rates = Rates(self.fraud_rate * per_day * Rates.ended / Rates.frauds)
        self.watch = self.watch or Filter(rates)
        self.watch.rates = rates
        fraud = (evasion * own + (1 - evasion) * thief) * float(FRAUD_HOURS[hour])
        chance = self.watch.judge(day, per_day, own * float(HOURS[hour]), fraud)
        self._learn(row, number, apart, 1.0 - chance)
        return chance

    def _own(self, row: dict[str, Any], number: int, inflation: float) -> tuple[float, float]:
        """The density of a purchase if it is genuine, and how far its amount is from typical."""
        apart = math.log(row["amt"]) - _TYPICAL[number] - inflation
        precision = 1 / LEVEL**2 + self.seen / SPREAD**2
        spread = math.sqrt(SPREAD**2 + 1 / precision)
        mean = self.levels / SPREAD**2 / precision
        known = self.categories[number] - SHARE
        visits = self.merchants.get(row["merchant"], 0.0)
        favourite = (FAVOURITES / MERCHANTS_PER_CATEGORY + visits) / (FAVOURITES + known)
        shop = LOYALTY * favourite + (1 - LOYALTY) / MERCHANTS_PER_CATEGORY
        share = self.categories[number] / self.categories.sum()
        return float(share * _normal(apart, mean, spread) * _place(row, NEAR) * shop), apart

    def _thief(self, row: dict[str, Any], number: int, inflation: float) -> float:
        amount = _normal(math.log(row["amt"]), FRAUD_LEVEL + inflation, FRAUD_SPREAD)
        return float(FRAUD_SHARES[number] * amount * _place(row, FAR) / MERCHANTS_PER_CATEGORY)

    def _learn(self, row: dict[str, Any], number: int, apart: float, weight: float) -> None:
        self.categories[number] += weight
        self.merchants[row["merchant"]] += weight
        self.seen += weight
        self.levels += weight * apart


def _place(row: dict[str, Any], spread: float) -> float:
    north, east = row["merch_lat"] - row["lat"], row["merch_long"] - row["long"]
    return _normal(north, 0, spread) * _normal(east, 0, spread)


def _normal(value: float, mean: float, spread: float) -> float:
    return math.exp(-0.5 * ((value - mean) / spread) ** 2) / spread
