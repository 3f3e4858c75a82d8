"""A simulated world of cards: pure, by its seed, in order of days.

A card has its own rate, ticket and shops, and phases in which it buys and phases in which it is
away, so that how long it has been quiet says more than how often it bought. Weekends are slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import polars as pl

from lakehouse.domains.segments.keys import card_key
from lakehouse.models.forest import Floats

FIRST = date(2025, 1, 6)
# Made-up cards have no numbers to protect; their keys only have to look like keys.
_SECRET = "a world without card numbers"  # noqa: S105
_WEEKDAYS = np.array([1.1, 1.15, 1.15, 1.1, 1.0, 0.35, 0.25])
# Days that an average phase of buying and of being away lasts.
_ACTIVE_DAYS, _AWAY_DAYS = 45.0, 28.0
_AWAY_RATE = 0.04
_REFUNDS = 0.02
_MOST = 6
Drift = Literal["dearer", "busier"]
# How a stream changes the world from its first purchase on: factors of amounts and of rates.
DRIFTS: dict[str, tuple[float, float, str]] = {
    "dearer": (1.35, 1.0, "every purchase costs a third more"),
    "busier": (1.0, 1.5, "cards buy half as often again"),
}
COLUMNS = ("card", "merchant", "amount", "date")


@dataclass(frozen=True)
class World:
    """The purchases of `cards` cards on `days` days; with `drift` it changes on `changed_from`."""

    cards: int
    days: int
    seed: int
    drift: str | None = None
    changed_from: date | None = None

    def purchases(self) -> pl.DataFrame:
        """All purchases: card, merchant, amount and date, sorted by date."""
        dearer, busier = self._factors()
        parts = [self._card(number, dearer, busier) for number in range(self.cards)]
        # Within a day, cards come in an order that says nothing of them.
        return pl.concat(parts).sort("date", "card", maintain_order=True)

    def _factors(self) -> tuple[Floats, Floats]:
        """Factors of amounts and rates on each day."""
        dearer, busier = np.ones(self.days), np.ones(self.days)
        if self.drift is not None and self.changed_from is not None:
            start = max((self.changed_from - FIRST).days, 0)
            dearer[start:], busier[start:] = DRIFTS[self.drift][:2]
        return dearer, busier

    def _card(self, number: int, dearer: Floats, busier: Floats) -> pl.DataFrame:
        rng = np.random.default_rng([self.seed, number])
        kind = rng.choice(3, p=(0.45, 0.35, 0.20))
        rate = (0.06, 0.22, 0.7)[kind] * rng.lognormal(0, 0.35)
        ticket = (3.1, 3.8, 4.4)[kind] + rng.normal(0, 0.35)
        shops = int((3, 12, 45)[kind] * rng.lognormal(0, 0.3)) + 1
        born = 0 if rng.random() < 0.8 else int(rng.integers(0, self.days))
        weekday = _WEEKDAYS[(np.arange(self.days) + FIRST.weekday()) % 7]
        on = _phases(rng, self.days)
        chance = rate * weekday * busier * np.where(on, 1.0, _AWAY_RATE)
        chance[:born] = 0.0
        count = np.minimum(rng.poisson(chance), _MOST)
        day = np.repeat(np.arange(self.days), count)
        # Generators of their own, so that a change of rates changes no earlier purchase.
        sizes, backs, places = (np.random.default_rng([self.seed, number, n]) for n in (1, 2, 3))
        amount = np.exp(sizes.normal(ticket, 0.7, len(day))) * dearer[day]
        amount = np.where(backs.random(len(day)) < _REFUNDS, -amount, amount)
        shop = np.minimum(places.exponential(shops / 3, len(day)).astype(int), shops - 1)
        return pl.DataFrame(
            {
                "card": pl.repeat(card_key(str(number), _SECRET), len(day), eager=True),
                "merchant": pl.Series(
                    [f"shop {number % 97}-{one}" for one in shop], dtype=pl.String
                ),
                "amount": pl.Series(np.round(amount, 2)).cast(pl.Decimal(18, 3)),
                "date": pl.Series([FIRST + timedelta(days=int(one)) for one in day], dtype=pl.Date),
            }
        )


def _phases(rng: np.random.Generator, days: int) -> np.ndarray:
    """Whether the card buys at all on each day: phases of random length, in turn."""
    on, at, is_on = np.zeros(days, bool), 0, bool(rng.random() < 0.65)
    while at < days:
        length = int(rng.exponential(_ACTIVE_DAYS if is_on else _AWAY_DAYS)) + 1
        on[at : at + length] = is_on
        at, is_on = at + length, not is_on
    return on
