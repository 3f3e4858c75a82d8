"""Visitors of a made-up shop and their clicks: people, bots, and bots that pretend to be people.

A person looks around: the main page, listings, products, and their pictures, half a minute each. A
bot goes from listing to product every second or two. One that pretends keeps a person's pace and
sees the main page now and then, but has no eye for pictures.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Literal

from lakehouse.domains.clicks.contracts import COUNTRIES, PAGES, PLATFORMS

Kind = Literal["person", "bot", "pretender"]
FIRST_ID = 1_000
PRETENDERS = 0.3
# Of a person the mean before it is cut to a whole number, of a bot the chance of a single one.
MEAN_ORDERS, BOT_ORDERS = 3.0, 0.1


@dataclass(frozen=True)
class Habits:
    """How a kind of visitor clicks: weights of the pages, of the platforms, and seconds a page."""

    pages: tuple[float, float, float, float]
    platforms: tuple[float, float, float, float]
    seconds: float
    pause_seconds: float
    clicks_a_visit: float


HABITS: dict[Kind, Habits] = {
    "person": Habits((0.25, 0.25, 0.3, 0.2), (0.4, 0.3, 0.25, 0.05), 25.0, 1_500.0, 12.0),
    "bot": Habits((0.01, 0.34, 0.65, 0.0), (0.2, 0.1, 0.0, 0.7), 1.5, 300.0, 200.0),
    "pretender": Habits((0.12, 0.4, 0.45, 0.03), (0.4, 0.2, 0.1, 0.3), 15.0, 900.0, 30.0),
}


@dataclass(frozen=True)
class Visitor:
    """A user of the shop, and what the user really is."""

    id: int
    name: str
    platform: str
    country: str
    ip_address: str
    nb_orders: int
    kind: Kind


@dataclass(frozen=True)
class Click:
    """A user has looked at a page."""

    user_id: str
    ts: datetime
    event: str


def visitors(count: int, bot_share: float, seed: int, first_id: int = FIRST_ID) -> list[Visitor]:
    """That many users with different ids; a share of them are bots of both kinds.

    >>> [one.kind for one in visitors(4, 0.5, seed=1)].count("person")
    2
    """
    return list(drawn(count, bot_share, seed, first_id))


def drawn(count: int, bot_share: float, seed: int, first_id: int = FIRST_ID) -> Iterator[Visitor]:
    """The same users as `visitors`, one by one."""
    rng = _of_crowd(seed)
    for i, kind in enumerate(_kinds(rng, count, bot_share)):
        yield _visitor(rng, first_id + i, kind)


def kinds(count: int, bot_share: float, seed: int) -> list[Kind]:
    """What the users of `visitors` really are, without drawing anything else of them."""
    return _kinds(_of_crowd(seed), count, bot_share)


def of_kind(kind: Kind, count: int, seed: int, first_id: int = FIRST_ID) -> list[Visitor]:
    """That many users of one kind."""
    rng = random.Random(f"{kind} {seed}")  # noqa: S311 a simulation
    return [_visitor(rng, first_id + i, kind) for i in range(count)]


def orders_chance(kind: Kind, orders: int) -> float:
    """How likely a visitor of that kind has so many orders."""
    if kind == "person":
        return math.exp(-orders / MEAN_ORDERS) * (1 - math.exp(-1 / MEAN_ORDERS))
    return {0: 1 - BOT_ORDERS, 1: BOT_ORDERS}.get(orders, 0.0)


def clicks(
    crowd: Sequence[Visitor], start: datetime, length: timedelta, seed: int
) -> Iterator[Click]:
    """The clicks of these users from `start` on, in the order of their times.

    The same seed gives the same clicks, whatever has been taken of them before.
    """
    streams = (_of_visitor(one, start, start + length, seed) for one in crowd)
    return heapq.merge(*streams, key=lambda click: (click.ts, click.user_id))


def _of_crowd(seed: int) -> random.Random:
    return random.Random(f"visitors {seed}")  # noqa: S311 a simulation


def _kinds(rng: random.Random, count: int, bot_share: float) -> list[Kind]:
    bots = round(count * bot_share)
    pretenders = round(bots * PRETENDERS)
    found: list[Kind] = ["person"] * (count - bots)
    found.extend(["bot"] * (bots - pretenders))
    found.extend(["pretender"] * pretenders)
    rng.shuffle(found)
    return found


def _visitor(rng: random.Random, number: int, kind: Kind) -> Visitor:
    orders = (
        int(rng.expovariate(1 / MEAN_ORDERS))
        if kind == "person"
        else int(rng.random() < BOT_ORDERS)
    )
    return Visitor(
        id=number,
        name=f"User {number}",
        platform=rng.choices(PLATFORMS, HABITS[kind].platforms)[0],
        country=rng.choice(COUNTRIES),
        ip_address=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        nb_orders=orders,
        kind=kind,
    )


def _of_visitor(who: Visitor, start: datetime, end: datetime, seed: int) -> Iterator[Click]:
    rng = random.Random(f"clicks {seed} {who.id}")  # noqa: S311 a simulation
    habits = HABITS[who.kind]
    weights = list(accumulate(habits.pages))
    moment = start + timedelta(seconds=rng.random() * habits.pause_seconds)
    while moment < end:
        page = rng.choices(PAGES, cum_weights=weights)[0]
        yield Click(str(who.id), moment, page)
        leaves = rng.random() < 1 / habits.clicks_a_visit
        wait = rng.expovariate(1 / (habits.pause_seconds if leaves else habits.seconds))
        # Kafka keeps milliseconds, and two clicks of a user never share one.
        moment += timedelta(milliseconds=1 + round(wait * 1_000))
