"""The transactions of a simulated world, in the order of their times, with truth and oracle."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from flaskapp.cards.world import behaviour
from flaskapp.cards.world.behaviour import PLANS, Plan, Purchase
from flaskapp.cards.world.oracle import Filter, Rates
from flaskapp.cards.world.population import MERCHANTS_PER_CATEGORY, Cardholder, cardholders
from lakehouse.domains.cards.features import CATEGORIES
from lakehouse.domains.cards.messages import TIME

MOST_CENTS = 2_000_000


@dataclass(frozen=True)
class Simulated:
    """A transaction in the training format, its truth, and the oracle's chance of fraud."""

    row: dict[str, Any]
    is_fraud: bool
    oracle: float


@dataclass(frozen=True)
class World:
    """A world of `cards` cards from `start` on, in which about `fraud_rate` of purchases are fraud.

    Frauds come in bursts, after somebody has got hold of a card. `plan` says how it changes.
    """

    cards: int
    seed: int = 42
    fraud_rate: float = 0.01
    start: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    plan: Plan = field(default_factory=lambda: PLANS["steady"])

    def transactions(self, days: float) -> Iterator[Simulated]:
        """All transactions of the first `days` days, in the order of their times."""
        people = cardholders(self.cards, self.seed)
        lives = [self._life(number, who, days) for number, who in enumerate(people)]
        yield from heapq.merge(*lives, key=lambda one: one.row["unix_time"])

    def _life(self, number: int, who: Cardholder, days: float) -> Iterator[Simulated]:
        rng = np.random.default_rng((self.seed, number, 1))
        # One compromise brings frauds / ended frauds on average.
        rates = Rates(self.fraud_rate * who.per_day * Rates.ended / Rates.frauds)
        watch = Filter(rates)
        moments = [(at, False) for at in _purchases(rng, who.per_day, days)]
        moments += [(at, True) for at in _frauds(rng, rates, days)]
        for place, (at, is_fraud) in enumerate(sorted(moments)):
            change = self.plan.at(at)
            draw = behaviour.fraudulent if is_fraud else _genuine
            one = draw(rng, who, *change)
            own, thief = behaviour.likelihoods(who, one, _hour(at), change)
            chance = watch.judge(at, who.per_day, own, thief)
            row = self._row(who, one, at, (number, place))
            yield Simulated({**row, "is_fraud": int(is_fraud)}, is_fraud, chance)

    def _row(
        self, who: Cardholder, one: Purchase, day: float, place: tuple[int, int]
    ) -> dict[str, Any]:
        at = self.start + timedelta(days=day)
        category = CATEGORIES[one.category]
        number = f"{self.seed}:{place[0]}:{place[1]}"
        shop = _merchant(who, one, number)
        return {
            "index": place[1],
            "trans_date_trans_time": at.strftime(TIME),
            "cc_num": who.card,
            "merchant": f"{category}_{shop}",
            "category": category,
            "amt": min(max(round(math.exp(one.log_amount) * 100), 100), MOST_CENTS) / 100,
            "first": who.first,
            "last": who.last,
            "gender": who.gender,
            "street": who.street,
            "city": who.city,
            "state": who.state,
            "zip": who.zip,
            "lat": who.lat,
            "long": who.long,
            "city_pop": who.city_pop,
            "job": who.job,
            "dob": who.dob,
            "trans_num": hashlib.md5(number.encode(), usedforsecurity=False).hexdigest(),
            "unix_time": int(at.timestamp()),
            "merch_lat": round(max(min(who.lat + one.north, 90.0), -90.0), 6),
            "merch_long": round(max(min(who.long + one.east, 180.0), -180.0), 6),
        }


def _genuine(rng: np.random.Generator, who: Cardholder, _: float, inflation: float) -> Purchase:
    return behaviour.genuine(rng, who, inflation)


def _hour(day: float) -> int:
    return int(day % 1 * 24)


def _merchant(who: Cardholder, one: Purchase, number: str) -> int:
    """The merchant within the category: a favourite, or any other."""
    favourites = who.favourites[one.category]
    lot = int.from_bytes(hashlib.blake2b(number.encode(), digest_size=4).digest())
    if one.is_favourite:
        return int(favourites[lot % len(favourites)])
    return lot % MERCHANTS_PER_CATEGORY


def _purchases(rng: np.random.Generator, per_day: float, days: float) -> list[float]:
    """Days of genuine purchases: a Poisson process that follows the hours of the day."""
    count = int(rng.poisson(per_day * days))
    whole = rng.integers(max(math.ceil(days), 1), size=count)
    hours = rng.choice(24, p=behaviour.HOURS, size=count)
    at = whole + (hours + rng.random(count)) / 24
    return [float(one) for one in at if one < days]


def _frauds(rng: np.random.Generator, rates: Rates, days: float) -> list[float]:
    """Days of frauds: a Poisson process in each burst."""
    found: list[float] = []
    at = float(rng.exponential(1 / rates.compromised))
    while at < days:
        end = at + float(rng.exponential(1 / rates.ended))
        count = int(rng.poisson(rates.frauds * (end - at)))
        for one in at + rng.random(count) * (end - at):
            found.append(float(one))
        at = end + float(rng.exponential(1 / rates.compromised))
    return [one for one in found if one < days]
