"""The routes of card transactions as their users know them.

`POST /predict` takes what the source sends, in any of the forms that the producer reads. It knows
nothing of a card but what is in the request: a card's transactions are taken in the order given,
and the first one as if the card were new. A transaction that the lake has is scored with all that
the card did before by `POST /models/random_forest/predict` with its id as the key.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np

from lakehouse.clock import Clock
from lakehouse.domains.cards import features
from lakehouse.domains.cards.card_state import CardState, step
from lakehouse.domains.cards.messages import Incoming, TransactionRow, read_fast
from lakehouse.domains.cards.names import MODEL_NAME
from lakehouse.domains.cards.normalise import Normalised, normalise
from lakehouse.errors import ModelError
from lakehouse.models.forest import Floats
from lakehouse.registry import Registry
from serving.models import UnknownModelError
from serving.rest.answers import Scored, encode
from serving.rest.door import Door
from serving.rest.errors import RestError, retry_later
from serving.rest.exchange import Exchange
from serving.rest.records import require_count
from serving.rest.routes import Route

ROUTE = "cards"
REFUSED = "Check that the number of parameters and their spelling are correct."
AHEAD = timedelta(minutes=10)


class Judged(msgspec.Struct, frozen=True):
    """What the model says of one transaction."""

    trans_num: str
    prediction: str
    score: float


class Answer(msgspec.Struct, frozen=True):
    """`prediction` is that of the first transaction, "1" for a fraud; `version` is who says so."""

    prediction: str
    version: int
    transactions: list[Judged]


class Serving(msgspec.Struct, frozen=True):
    """The version that answers, and all that ever did, oldest first."""

    model: str
    version: int
    champions: list[int]


async def predict(door: Door, exchange: Exchange) -> None:
    """Score the transactions of a request with the champion."""
    body = await exchange.body(door.settings.max_body_kib * 1024)
    model = await door.choose(MODEL_NAME)
    exchange.mark("model")
    messages = normalise(body)
    require_count(len(messages), door.settings.max_records)
    events = [_read(one, number, door.clock) for number, one in enumerate(messages)]
    exchange.mark("validate")
    columns = [features.NAMES.index(name) for name in model.features]
    scored = door.score(model, np.ascontiguousarray(_features(events)[:, columns]))
    exchange.mark("score")
    await exchange.answer(encode(_answer(events, scored)))
    door.record(scored, exchange.request_id, ROUTE)


async def get_model_ver(door: Door, exchange: Exchange) -> None:
    """Which version answers."""
    await exchange.answer(encode(await asyncio.to_thread(_serving, door)))


async def switch_model_ver(door: Door, exchange: Exchange) -> None:
    """From the latest champion back to the one before it, and from there to the latest again."""
    await asyncio.to_thread(_switch, door)
    await exchange.answer(encode(await asyncio.to_thread(_serving, door)))


def _read(message: Normalised, number: int, clock: Clock) -> Incoming:
    """A transaction; columns that nobody knows are left out."""
    value = message.value
    try:
        record = msgspec.json.decode(value)
        known = {name: record[name] for name in TransactionRow.__struct_fields__ if name in record}
        found = read_fast(msgspec.json.encode(known), clock.now() + AHEAD)
    except (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError):
        found = None
    if found is None:
        raise RestError(422, REFUSED, record=number)
    return found


def _features(events: list[Incoming]) -> Floats:
    cards: dict[str, CardState] = {}
    rows = []
    for number, one in enumerate(events):
        row = step(cards.setdefault(one.event.card, CardState()), one.event)
        if row is None:
            text = f"Transaction {one.event.id!r} appears twice."
            raise RestError(422, text, "trans_num", number)
        rows.append(row)
    return np.array(rows)


def _answer(events: list[Incoming], scored: Scored) -> Answer:
    flags, probabilities = scored.scores.prediction.tolist(), scored.scores.probability.tolist()
    judged = [
        Judged(one.event.id, str(int(flag)), score)
        for one, flag, score in zip(events, flags, probabilities, strict=True)
    ]
    return Answer(judged[0].prediction, scored.model.version, judged)


def _registry(door: Door) -> Registry:
    try:
        found = door.models.registry(MODEL_NAME)
    except UnknownModelError as error:
        raise RestError(404, str(error)) from None
    if not isinstance(found, Registry):
        raise RestError(404, f"The versions of {MODEL_NAME} cannot be changed here.")
    return found


def _champions(door: Door) -> list[int]:
    return sorted(one.number for one in _registry(door).versions() if one.promoted_at)


def _serving(door: Door) -> Serving:
    return Serving(MODEL_NAME, door.choose_now(MODEL_NAME).version, _champions(door))


def _switch(door: Door) -> None:
    registry, champions = _registry(door), _champions(door)
    if len(champions) < 2:
        raise RestError(409, f"There is no other version of {MODEL_NAME} to switch to.")
    champion = registry.champion()
    try:
        if champion is not None and champion.number == champions[-1]:
            registry.rollback()
        else:
            registry.promote(champions[-1], "switched back to the latest champion")
    except ModelError as error:
        raise retry_later(503, str(error)) from None
    door.models.refresh([MODEL_NAME])


_HOME = {"lat": 41.4802, "long": -86.6919, "city_pop": 1423, "dob": "1968-10-07"}
_COLUMNS = ["trans_num", "cc_num", "merchant", "category", "amt", "current_time", "merch_lat",
            "merch_long", *_HOME]  # fmt: skip


def _sample(name: str, *values: Any) -> dict[str, Any]:
    row = [name, 4000000000000002, *values, *_HOME.values()]
    return {"columns": _COLUMNS, "index": [0], "data": [row]}


SAMPLES = {
    "looks like a fraud": _sample(
        "sample-fraud", "Unknown Shop", "shopping_net", 987.65, 1_732_590_000_000, 43.9, -89.4
    ),
    "looks genuine": _sample(
        "sample-genuine", "Corner Shop", "grocery_pos", 41.57, 1_732_640_000_000, 41.5, -86.7
    ),
}
REQUEST: dict[str, Any] = {
    "type": "object",
    "description": "Transactions as the source sends them: a table, or one record.",
    "properties": {
        "columns": {"type": "array", "items": {"type": "string"}},
        "index": {"type": "array"},
        "data": {"type": "array", "items": {"type": "array"}},
    },
}
ROUTES = (
    Route("POST", "/predict", "Whether card transactions are frauds", predict, REQUEST, Answer,
          statuses=(404, 422, 503), samples=SAMPLES),
    Route("GET", "/get_model_ver", "The version of the fraud model that answers", get_model_ver,
          answer=Serving, statuses=(404, 503)),
    Route("POST", "/switch_model_ver", "Go back to the previous champion, or on to the latest",
          switch_model_ver, answer=Serving, statuses=(404, 409, 503)),
)  # fmt: skip
