"""The churn service's routes: `/model/info`, `/model/reload`, `/predict/batch`, `/predict/explain`.

Its `/health` and its single predictions are the shared routes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from lakehouse.domains.cdr.names import MODEL_NAME
from serving.rest import answers, records, service
from serving.rest.answers import Prediction, Predictions, encode
from serving.rest.door import Door
from serving.rest.exchange import Exchange
from serving.rest.records import reader
from serving.rest.routes import Route

ROUTE = "churn"


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Subscribers to predict for, at least one: objects with the model's features by name."""

    instances: msgspec.Raw


BATCH: dict[str, Any] = {
    "type": "object",
    "properties": {"instances": {"type": "array", "items": {"type": "object"}, "minItems": 1}},
    "required": ["instances"],
    "additionalProperties": False,
}
_DECODER = msgspec.json.Decoder(Batch)


async def info(door: Door, exchange: Exchange) -> None:
    """The churn model as it is served."""
    await exchange.answer(encode(service.info(door, MODEL_NAME)))


async def reload(door: Door, exchange: Exchange) -> None:
    """Ask the registry now."""
    exchange.path = {"name": MODEL_NAME}
    await service.reload(door, exchange)


async def batch(door: Door, exchange: Exchange) -> None:
    """Predict for a list of subscribers; an empty list is refused with 422."""
    body = await exchange.body(door.settings.max_body_kib * 1024)
    model = await door.choose(MODEL_NAME)
    given = records.decoded(_DECODER.decode, body)
    rows = reader(model.features).many(given.instances, door.settings.max_records)
    scored = door.score(model, rows)
    await exchange.answer(encode(answers.many(scored, exchange.request_id, explain=False)))
    door.record(scored, exchange.request_id, ROUTE)


async def explain(door: Door, exchange: Exchange) -> None:
    """Predict for one subscriber and say what moved the prediction most."""
    body = await exchange.body(door.settings.max_body_kib * 1024)
    model = await door.choose(MODEL_NAME)
    scored = door.score(model, reader(model.features).one(body))
    await exchange.answer(encode(answers.one(scored, exchange.request_id, explain=True)))
    door.record(scored, exchange.request_id, ROUTE)


ROUTES = (
    Route("GET", "/model/info", "The churn model as it is served", info,
          answer=service.ModelInfo, statuses=(404, 503)),
    Route("POST", "/model/reload", "Ask the registry for the churn model now", reload,
          answer=service.ModelInfo, statuses=(404, 503)),
    Route("POST", "/predict/batch", "Churn of several subscribers", batch, BATCH, Predictions,
          statuses=(404, 422, 503)),
    Route("POST", "/predict/explain", "Churn of one subscriber, with reasons", explain,
          {"type": "object"}, Prediction, statuses=(404, 422, 503)),
)  # fmt: skip
