"""The best that anybody could know: the chance of fraud, given how the world was made.

A card is in order or compromised. That state is hidden; the oracle keeps the chance of it, from the
gaps between purchases and from how each purchase looks, as a filter for a hidden Markov model does
(L. R. Rabiner, A tutorial on hidden Markov models, 1989). It sees exactly what the features are
made from, and knows all parameters, so its ranking is the attainable one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS = 16


@dataclass(frozen=True)
class Rates:
    """Rates a day: of getting compromised, of a compromise ending, and of frauds meanwhile."""

    compromised: float
    ended: float = 4.0
    frauds: float = 24.0


@dataclass
class Filter:
    """The chance that one card is compromised; `at` is the day of its latest purchase."""

    rates: Rates
    chance: float = 0.0
    at: float | None = None

    def judge(self, at: float, per_day: float, own: float, thief: float) -> float:
        """The chance that a purchase on day `at` is a fraud, given all before it.

        `own` and `thief` are its densities for the cardholder and for a thief; `per_day` is the
        rate of the cardholder's purchases.
        """
        rates = self.rates
        if self.at is not None:
            self._pass(at - self.at)
        self.at = at
        genuine = per_day * own
        fraud = self.chance * rates.frauds * thief
        total = (genuine + fraud) or 1.0
        # Once a purchase is seen, the card is compromised if it was, in the light of the purchase.
        self.chance = min((self.chance * genuine + fraud) / total, 1.0)
        return fraud / total

    def _pass(self, days: float) -> None:
        """A gap without a purchase: the state may change, and silence speaks for order."""
        rates, left = self.rates, max(days, 0.0)
        steps = max(1, min(STEPS, math.ceil(left * 24)))
        span = left / steps
        for _ in range(steps):
            up = (1 - self.chance) * (1 - math.exp(-rates.compromised * span))
            down = self.chance * (1 - math.exp(-rates.ended * span))
            chance = self.chance + up - down
            silent = chance * math.exp(-rates.frauds * span)
            self.chance = silent / (silent + 1 - chance)
