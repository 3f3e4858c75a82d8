"""The laws of the simulated world: what honest payments and frauds look like, and how that changes.

An honest payment of account a has V1..V28 normal around 0 and a log-amount normal around the
account's own habit. A fraud follows one of several patterns: some components are shifted, and the
amount is larger. Patterns come and go; which share each has at a moment is part of the laws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lakehouse.domains.fraud.contracts import COMPONENTS

Floats = npt.NDArray[np.float64]
WIDTH = len(COMPONENTS)
PATTERNS = 6
PERIOD_DAYS = 1.0
FIRST_PAYMENT_GAP_S = 0.6
DAY_S = 86_400.0
HABIT_MEAN, HABIT_SPREAD = 3.2, 0.8
AMOUNT_SPREAD, FRAUD_SPREAD = 0.6, 0.9
_OVERLAP_DAYS, _LEAST_SHARE = 1.0, 0.08
_SHARED, _OWN = 7, 3


@dataclass(frozen=True)
class Change:
    """A lasting change of the world from an event on: what it does to laws and to messages."""

    new_pattern: float = 0.0
    season: float = 0.0
    amount_factor: float = 1.0
    component_factor: float = 1.0
    label_delay_factor: float = 1.0


PLANS: Mapping[str, Change] = {
    "new_pattern": Change(new_pattern=0.8),
    "seasonal_shift": Change(season=0.6),
    "scaled_feature": Change(component_factor=10.0),
    "amount_in_cents": Change(amount_factor=100.0),
    "label_delay": Change(label_delay_factor=10.0),
}
TEXTS: Mapping[str, tuple[str, bool]] = {
    "new_pattern": ("most frauds follow a pattern that nobody has seen before", True),
    "seasonal_shift": ("everybody buys other things, and more expensive ones", True),
    "scaled_feature": ("the feature V4 comes ten times as large, by mistake", True),
    "amount_in_cents": ("amounts come in cents, by mistake", True),
    "label_delay": ("truth comes ten times as late", True),
}
SCALED = "V4"


@dataclass(frozen=True)
class Laws:
    """The parameters of a world, drawn from its seed; `rate` is the share of frauds.

    `shift` is each pattern's mean of V1..V28 in standard deviations, the last row being the pattern
    that only a drift brings.
    """

    seed: int
    rate: float
    habits: Floats
    activity: Floats
    shift: Floats = field(repr=False)
    dearer: Floats = field(repr=False)

    @classmethod
    def draw(cls, seed: int, accounts: int, rate: float) -> Laws:
        """The world of a seed."""
        rng = np.random.default_rng([seed, 1])
        activity = rng.gamma(1.5, 1.0, accounts) + 0.05
        shift = np.zeros((PATTERNS + 1, WIDTH))
        shift[:PATTERNS, rng.permutation(WIDTH)[:_SHARED]] = -1.5
        for pattern in shift:
            own = rng.permutation(WIDTH)[:_OWN]
            pattern[own] += rng.choice([-1.0, 1.0], _OWN) * rng.uniform(0.8, 1.6, _OWN)
        return cls(
            seed, rate,
            rng.normal(HABIT_MEAN, HABIT_SPREAD, accounts),
            activity / activity.sum(), shift, rng.uniform(0.3, 1.2, PATTERNS + 1),
        )  # fmt: skip

    def shares(self, seconds: Floats, change: Change) -> Floats:
        """The share of each pattern among the frauds of these moments; a row for each moment."""
        day = seconds[:, None] / DAY_S
        peak = np.arange(PATTERNS) * PERIOD_DAYS
        cycle = PATTERNS * PERIOD_DAYS
        away = np.abs((day - peak + cycle / 2) % cycle - cycle / 2)
        old = _LEAST_SHARE + np.exp(-0.5 * (away / _OVERLAP_DAYS) ** 2)
        old *= (1.0 - change.new_pattern) / old.sum(axis=1, keepdims=True)
        new = np.full((len(seconds), 1), change.new_pattern)
        return np.concatenate([old, new], axis=1)

    def season(self, change: Change) -> Floats:
        """What a season adds to the mean of V1..V28, for everybody."""
        direction = np.random.default_rng([self.seed, 2]).normal(size=WIDTH)
        return change.season * direction

    @property
    def scale(self) -> Floats:
        """Standard deviations of V1..V28, falling as those of principal components do."""
        return np.linspace(2.0, 0.35, WIDTH)
