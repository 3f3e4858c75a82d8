"""`POST /models/{name}/predict`: one record, a list of records, or the key of an entity."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec

from serving.rest import answers
from serving.rest.answers import Prediction, Predictions, Scored
from serving.rest.door import Door
from serving.rest.errors import RestError
from serving.rest.exchange import Exchange
from serving.rest.records import reader
from serving.rest.routes import Route, flag, number
from serving.served import LoadedModel

_SPACE = b" \t\r\n"
_KEY_LENGTH = 256
# The parameters of a prediction, after the question mark.
QUERY: dict[str, dict[str, Any]] = {
    "explain": {"type": "string", "enum": ["0", "1"]},
    "key": {"type": "string", "maxLength": _KEY_LENGTH},
}


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose features are to be looked up."""

    key: str | int


_KEY = msgspec.json.Decoder(Key)


async def predict(door: Door, exchange: Exchange) -> None:
    """Answer with the champion or, with `?key=`, with the version that the split gives this key."""
    await _predict(door, exchange, None)


async def predict_version(door: Door, exchange: Exchange) -> None:
    """Answer with the version in the address."""
    await _predict(door, exchange, number(exchange.path["version"]))


async def _predict(door: Door, exchange: Exchange, version: int | None) -> None:
    query = exchange.query() if exchange.scope["query_string"] else {}
    explain, key, name = flag(query, "explain"), query.get("key"), exchange.path["name"]
    body = await exchange.body(door.settings.max_body_kib * 1024)
    model = await door.choose(name, version, key)
    exchange.mark("model")
    is_list = body.lstrip(_SPACE)[:1] == b"["
    scored = _many(door, model, body, key) if is_list else None
    if scored is None:
        scored = await _one(door, exchange, model, body, key)
    exchange.mark("score")
    request_id = exchange.request_id
    answer: Prediction | Predictions = (
        answers.many(scored, request_id, explain)
        if is_list
        else answers.one(scored, request_id, explain)
    )
    data = answers.encode(answer)
    exchange.mark("answer")
    await exchange.answer(data)
    door.record(scored, request_id, "predict")


def _many(door: Door, model: LoadedModel, body: bytes, key: str | None) -> Scored:
    rows = reader(model.features).many(body, door.settings.max_records)
    return replace(door.score(model, rows, key), text=body)


async def _one(
    door: Door, exchange: Exchange, model: LoadedModel, body: bytes, key: str | None
) -> Scored:
    try:
        rows = reader(model.features).one(body)
    except RestError as error:
        wanted = None if "key" in model.features else _wanted(body)
        if wanted is None:
            raise error from None
        return await _looked_up(door, exchange, model, wanted)
    exchange.mark("validate")
    return door.score(model, rows, key)


def _wanted(body: bytes) -> str | None:
    try:
        key = str(_KEY.decode(body).key)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if len(key) > _KEY_LENGTH:
        raise RestError(422, f"A key has at most {_KEY_LENGTH} characters.", "key")
    return key


async def _looked_up(door: Door, exchange: Exchange, model: LoadedModel, key: str) -> Scored:
    """Score the newest features of an entity, with the version that the split gives it."""
    chosen = model if "version" in exchange.path else await door.choose(model.name, key=key)
    source = door.lookups.get(model.name)
    if source is None:
        raise RestError(404, f"The features of {model.name} cannot be looked up.")
    found = await asyncio.to_thread(source.latest, key, chosen.features)
    exchange.mark("lookup")
    scores = chosen.scorer.score(found.rows)
    return Scored(chosen, found.rows, scores, key, found.as_of)


def routes(name: str, record: object) -> list[Route]:
    """The routes of one model, as the API page shows them; `record` is the type of a record."""
    body = {"anyOf": [record, {"type": "array", "items": record}, Key]}
    answer = {"anyOf": [Prediction, Predictions]}
    version = {"version": {"type": "integer", "minimum": 1, "maximum": 999_999_999}}
    statuses = (404, 409, 422, 503)
    return [
        Route("POST", f"/models/{name}/predict", f"Predict with the champion of {name}", predict,
              body, answer, query=QUERY, statuses=statuses),
        Route("POST", f"/models/{name}/versions/{{version}}/predict",
              f"Predict with one version of {name}", predict_version, body, answer, query=QUERY,
              parameters=version, statuses=statuses),
    ]  # fmt: skip
