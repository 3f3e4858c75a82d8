"""The fraud service's routes: `POST /predict` and `GET /metrics/history`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec

from lakehouse.domains.fraud import figures
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.fraud.names import MODEL_NAME
from lakehouse.errors import ModelError
from lakehouse.registry.history import history
from serving.models import UnknownModelError
from serving.rest.answers import encode
from serving.rest.door import Door
from serving.rest.errors import RestError, retry_later
from serving.rest.exchange import Exchange
from serving.rest.records import decoded, reader
from serving.rest.routes import Route

ROUTE = "fraud"
_VERSIONS = 1, 999_999_999


class Asked(msgspec.Struct, frozen=True):
    """What a request says beside the features: when the event was sent, and who shall answer.

    `ingest_ts` is in seconds since 1970, or a moment with its timezone.
    """

    ingest_ts: float | datetime
    version: int | None = None


class Answer(msgspec.Struct, frozen=True):
    """What is added to the request: the probability of a fraud as text, and who said so, and when.

    `prediction_ts` is in seconds since 1970; `prediction_latency` is `prediction_ts - ingest_ts`.
    """

    result: str
    version: int
    prediction_ts: float
    prediction_latency: float


_NUMBER = {"anyOf": [{"type": "number"}, {"type": "string", "description": "a number"}]}
_MOMENT = {"anyOf": [{"type": "number"}, {"type": "string"}], "description": Asked.__doc__}
_VERSION = {"type": "integer", "minimum": _VERSIONS[0], "maximum": _VERSIONS[1]}
REQUEST: dict[str, Any] = {
    "type": "object",
    "properties": {
        **dict.fromkeys(FEATURES, _NUMBER), "ingest_ts": _MOMENT, "version": _VERSION,
    },
    "required": [*FEATURES, "ingest_ts"],
}  # fmt: skip
SAMPLE = {**dict.fromkeys(FEATURES, "0.5"), "Amount": "33.62", "ingest_ts": 1}
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
# Numbers are accepted as strings, because that is how many producers send them.
_ASKED = msgspec.json.Decoder(Asked, strict=False)


async def predict(door: Door, exchange: Exchange) -> None:
    """Score one event; the version that it names answers, or else the champion.

    The answer repeats the request, whatever else it has, with the fields of `Answer`.
    """
    body = await exchange.body(door.settings.max_body_kib * 1024)
    given: dict[str, msgspec.Raw] = decoded(_FIELDS.decode, body)
    asked: Asked = decoded(_ASKED.decode, body)
    sent = _seconds(asked.ingest_ts)
    model = await door.choose(MODEL_NAME, _number(asked.version))
    exchange.mark("model")
    described = encode({name: given[name] for name in model.features if name in given})
    rows = reader(model.features, lax=True).one(described)
    exchange.mark("validate")
    scored = door.score(model, rows)
    exchange.mark("score")
    now = round(door.clock.now().timestamp(), 3)
    result = str(scored.probabilities[0])
    answer = Answer(result, model.version, now, round(now - sent, 3))
    await exchange.answer(encode(given | msgspec.structs.asdict(answer)))
    door.record(scored, exchange.request_id, ROUTE)


async def metrics_history(door: Door, exchange: Exchange) -> None:
    """The figures of every version, oldest first."""
    try:
        past = await asyncio.to_thread(history, door.models.registry(MODEL_NAME))
    except UnknownModelError as error:
        raise RestError(404, str(error)) from None
    except ModelError as error:
        raise retry_later(503, str(error)) from None
    await exchange.answer(encode(figures.of_versions(past)))


def _seconds(moment: float | datetime) -> float:
    """Seconds since 1970. Raises `RestError` for a moment without a timezone, or out of range."""
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            text = "Field 'ingest_ts' needs a timezone, such as the Z of 2026-01-31T12:00:00Z."
            raise RestError(422, text, "ingest_ts")
        return moment.timestamp()
    try:
        datetime.fromtimestamp(moment, UTC)
    except (OverflowError, ValueError, OSError):
        text = "Field 'ingest_ts' must be a moment in seconds since 1970."
        raise RestError(422, text, "ingest_ts") from None
    return moment


def _number(version: int | None) -> int | None:
    if version is not None and not _VERSIONS[0] <= version <= _VERSIONS[1]:
        raise RestError(404, f"There is no version {version}; versions count from 1.", "version")
    return version


ROUTES = (
    Route("POST", "/predict", "Whether a card payment is a fraud", predict, REQUEST, Answer,
          statuses=(404, 422, 503), samples={"an event": SAMPLE}),
    Route("GET", "/metrics/history", "The figures of every version, oldest first", metrics_history,
          answer=list[figures.VersionFigures], statuses=(404, 503)),
)  # fmt: skip
