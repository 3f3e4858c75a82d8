"""The segments service's routes: `/api-ml-model` as its public address has it, and `/invocations`.

`/invocations` is at its plain path where the setting `serving.plain_paths` gives it to segments; a
container of SageMaker's is then asked as its users know it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import cast

import numpy as np

from lakehouse.domains.segments import names
from lakehouse.domains.segments.card_features import FEATURE_VERSION
from lakehouse.domains.segments.next_purchase import FIRST_DAY, HORIZON, day_number
from lakehouse.domains.segments.segments import STATES, TYPE_FEATURES, Shown, cell, state
from lakehouse.models.forest import Floats
from lakehouse.models.hazard import HazardScorer
from lakehouse.models.kmeans import KMeansScorer
from serving.rest.answers import Scored, encode
from serving.rest.door import Door
from serving.rest.errors import RestError
from serving.rest.exchange import Exchange
from serving.rest.routes import Route
from serving.segments import bodies
from serving.segments.bodies import Answer, Question, Received, Wrapped
from serving.served import LoadedModel

ROUTE = "segments"
REQUEST, HISTORY = "request", "history"
Read = Callable[[bytes], Question]


async def ask(door: Door, exchange: Exchange) -> None:
    """Answer a body with the key `input`."""
    answer = await _answered(door, exchange, bodies.wrapped)
    await exchange.answer(encode(Received(bodies.RECEIVED, answer[0])))
    door.record(answer[1], exchange.request_id, ROUTE)


async def invocations(door: Door, exchange: Exchange) -> None:
    """Answer a body without the key `input`, with the answer alone."""
    answer = await _answered(door, exchange, bodies.plain)
    await exchange.answer(encode(answer[0]))
    door.record(answer[1], exchange.request_id, ROUTE)


async def _answered(door: Door, exchange: Exchange, read: Read) -> tuple[Answer, Scored]:
    asked = read(await exchange.body(door.settings.max_body_kib * 1024))
    exchange.mark("validate")
    if asked.card is None:
        return await _by_numbers(door, asked)
    return await _by_history(door, asked, asked.card)


async def _by_numbers(door: Door, asked: Question) -> tuple[Answer, Scored]:
    """What three numbers tell, with the model that was made for them."""
    model, types = await door.choose(names.REQUEST), await door.choose(names.TYPES)
    first = asked.as_of or model.bundle.manifest.score_from
    values = {
        "n": float(cast(int, asked.usage_freq)),
        "amount": cast(float, asked.amount_spend),
        "merchants": float(cast(int, asked.uniq_merchant)),
        FIRST_DAY: float(day_number(first)),
        HORIZON: float(asked.k),
    }
    scored = door.score(model, np.array([[values[name] for name in model.features]]))
    slow = np.array([[values[name] for name in types.features]])
    return _answer(scored, types, slow, None, (asked.k, first, REQUEST)), scored


async def _by_history(door: Door, asked: Question, card: str) -> tuple[Answer, Scored]:
    """What a card's history tells, as the lake has it on the day `as_of` or before."""
    model = await door.choose(names.WILL_SPEND, key=card)
    types = await door.choose(names.TYPES)
    wanted = tuple(dict.fromkeys((*model.features, *TYPE_FEATURES, "recency")))
    source = door.lookups[names.WILL_SPEND]
    found = await asyncio.to_thread(source.latest, card, wanted, asked.as_of)
    values = dict(zip(wanted, found.rows[0].tolist(), strict=True)) | {HORIZON: float(asked.k)}
    rows = np.array([[values[name] for name in model.features]])
    scores = door.score(model, rows, card)
    scored = Scored(model, rows, scores.scores, card, found.as_of)
    slow = np.array([[values[name] for name in types.features]])
    first = date.fromisoformat(found.as_of)
    return _answer(scored, types, slow, values["recency"], (asked.k, first, HISTORY)), scored


def _answer(
    scored: Scored,
    types: LoadedModel,
    slow: Floats,
    recency: float | None,
    said: tuple[int, date, str],
) -> Answer:
    """The answer; `slow` are the inputs of the types, `said` is k, the first day and the basis."""
    kinds, hazard = types.scorer, scored.model.scorer
    if not isinstance(kinds, KMeansScorer) or not isinstance(hazard, HazardScorer):
        raise RestError(
            409, "The models in service are of a kind that this route does not support."
        )
    kind, probability = int(kinds.score(slow).prediction[0]), scored.probabilities[0]
    at, segment = None, None
    if recency is not None:
        states = state(np.array([recency]))
        shown = Shown.of(types.bundle.manifest.recipe)
        at = STATES[int(states[0])]
        cells = cell(np.array([kind], np.int32), states)
        segment = shown.name(shown.segment(int(cells[0])), kinds.model.names)
    k, first, basis = said
    recipe = scored.model.bundle.manifest.recipe
    return Answer(
        predicted_cluster=kind,
        will_spend=bool(scored.predictions[0]),
        probability=probability,
        interval=hazard.interval(probability),
        k=k,
        as_of=first,
        basis=basis,
        type=kinds.model.names[kind],
        state=at,
        segment=segment,
        model=scored.model.name,
        model_version=scored.model.version,
        types_version=types.version,
        feature_version=int(recipe.get("feature_version", FEATURE_VERSION)),
    )


SAMPLES = {
    "three numbers": {
        "input": {"usage_freq": 4, "amount_spend": 490, "uniq_merchant": 5, "k": 9, "name": "any"}
    },
    "a card with a history": {"input": {"card": "0" * 32, "k": 7}},
}
_STATUSES = (404, 409, 422, 503)
ROUTES = (
    *(
        Route("POST", path, "The type of a card, and whether it buys within k days", ask, Wrapped,
              Received, statuses=_STATUSES, samples=SAMPLES)
        for path in ("/api-ml-model", "/Staging/api-ml-model")
    ),
    Route("POST", "/invocations", "The same, with the body and the answer unwrapped", invocations,
          Question, Answer, statuses=_STATUSES),
)  # fmt: skip
