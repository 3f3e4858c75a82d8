"""A transaction as the card's state needs it, and the arithmetic on one transaction alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from lakehouse.domains.cards import features
from lakehouse.domains.cards.features import MISSING

EARTH_KM = 6_371.0088
DAYS_PER_YEAR = 365.25
_CODES = {name: float(number) for number, name in enumerate(features.CATEGORIES)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """What features are made of. `at` is in seconds since 1970, UTC; `cents` is the amount.

    Places are in degrees, None if unknown.
    """

    id: str
    card: str
    at: int
    cents: int
    merchant: str
    category: str
    home: tuple[float, float] | None
    place: tuple[float, float] | None
    city_pop: int | None
    born: int | None


def transaction(row: Mapping[str, Any]) -> Transaction:
    """The transaction in a row of `topic_1` or of its bronze table.

    Times before the epoch and fractions of a second round down.

    >>> row = {"trans_num": "t", "cc_num": "4", "amt": 1.005, "merchant": "m", "category": "home",
    ...        "trans_date_trans_time": datetime(1970, 1, 1, 0, 1, tzinfo=UTC)}
    >>> found = transaction(row)
    >>> found.at, found.cents, found.place
    (60, 100, None)
    """
    return Transaction(
        id=row["trans_num"],
        card=row["cc_num"],
        at=math.floor((row["trans_date_trans_time"] - _EPOCH).total_seconds()),
        cents=round(row["amt"] * 100),
        merchant=row["merchant"],
        category=row["category"],
        home=_place(row.get("lat"), row.get("long")),
        place=_place(row.get("merch_lat"), row.get("merch_long")),
        city_pop=row.get("city_pop"),
        born=_born(row.get("dob")),
    )


def stateless(event: Transaction) -> tuple[float, ...]:
    """The features that depend on the transaction alone, in the order of `features.STATELESS`."""
    day = event.at // features.DAY
    return (
        event.cents / 100.0,
        float(event.at % features.DAY // features.HOUR),
        float((day + 3) % 7),  # the epoch was a Thursday
        _CODES.get(event.category, MISSING),
        kilometres(event.home, event.place),
        MISSING if event.city_pop is None else event.city_pop / 1_000.0,
        MISSING if event.born is None else float(int((day - event.born) / DAYS_PER_YEAR)),
    )


def kilometres(one: tuple[float, float] | None, other: tuple[float, float] | None) -> float:
    """Great-circle distance by the haversine formula; -1 if a place is unknown.

    Rounded to a metre, so that libraries that differ in the last bit of a sine give one result.

    >>> kilometres((0.0, 0.0), (0.0, 1.0))
    111.195
    """
    if one is None or other is None:
        return MISSING
    first, second = math.radians(one[0]), math.radians(other[0])
    across = math.sin((second - first) / 2) ** 2
    along = math.sin(math.radians(other[1] - one[1]) / 2) ** 2
    half = across + math.cos(first) * math.cos(second) * along
    return round(2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half))), 3)


def _place(lat: float | None, long: float | None) -> tuple[float, float] | None:
    return None if lat is None or long is None else (lat, long)


def _born(text: str | None) -> int | None:
    """Days from 1970 to a date of birth; None if there is no such date."""
    try:
        return None if text is None else (date.fromisoformat(text) - _EPOCH.date()).days
    except ValueError:
        return None
