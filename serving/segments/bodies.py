"""What callers of the segments service send and get."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.domains.segments.next_purchase import LONGEST
from serving.rest.errors import RestError
from serving.rest.records import decoded

RECEIVED = "Received data successfully"
_KEY = re.compile(r"[0-9a-f]{32}")
_MOST_PURCHASES, _MOST_SPENT = 10_000_000, 1_000_000_000_000
Count = Annotated[int, Meta(ge=1, le=_MOST_PURCHASES)]
K = Annotated[int, Meta(ge=1, le=LONGEST, description="days ahead, the day `as_of` included")]
_NAME = Annotated[
    object, Meta(description="taken because callers send it; neither used, kept nor logged")
]


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Either the three numbers of half a year, or the key of a card whose history is known.

    `as_of` is the first day that is asked about. Without it, it is the day after the model's test
    for three numbers, and the newest day of the card's history for a card.
    """

    k: K
    usage_freq: Count | None = None
    amount_spend: Annotated[float, Meta(gt=0, le=_MOST_SPENT)] | None = None
    uniq_merchant: Count | None = None
    card: str | None = None
    as_of: date | None = None
    name: _NAME = None


class Wrapped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of the public address."""

    input: Question


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The type of the card, and whether it buys within k days.

    `interval` holds the probability in 95 of 100 cases. With `basis` "request" nothing is known of
    when the card bought last, so it has no state and no segment.
    """

    predicted_cluster: int
    will_spend: bool
    probability: float
    interval: tuple[float, float]
    k: int
    as_of: date
    basis: str
    type: str
    state: str | None
    segment: str | None
    model: str
    model_version: int
    types_version: int
    feature_version: int


class Received(msgspec.Struct, frozen=True):
    """The answer as the public address wraps it."""

    message: str
    response: Answer


_WRAPPED, _PLAIN = msgspec.json.Decoder(Wrapped), msgspec.json.Decoder(Question)


def wrapped(body: bytes) -> Question:
    """The question in a body with the key `input`. Raises `RestError` naming what is wrong."""
    asked: Wrapped = decoded(_WRAPPED.decode, body)
    return _complete(asked.input)


def plain(body: bytes) -> Question:
    """The question of a body without the key `input`. Raises as `wrapped` does."""
    asked: Question = decoded(_PLAIN.decode, body)
    return _complete(asked)


def _complete(asked: Question) -> Question:
    """The question, if it is one. No message repeats what may be a card number."""
    numbers = {
        name: getattr(asked, name) for name in ("usage_freq", "amount_spend", "uniq_merchant")
    }
    given = [name for name, value in numbers.items() if value is not None]
    if asked.card is not None:
        if given:
            text = f"Field {given[0]!r} must be left out where a card is given."
            raise RestError(422, text, given[0])
        if not _KEY.fullmatch(asked.card):
            text = (
                "Field 'card' must be the key of a card, 32 hexadecimal digits; a card number is "
                "not taken."
            )
            raise RestError(422, text, "card")
        return asked
    for name, value in numbers.items():
        if value is None:
            raise RestError(422, f"Field {name!r} is missing.", name)
    return asked
