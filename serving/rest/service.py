"""Routes about the service itself: health, models, metrics, feedback."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec

from lakehouse.version import VERSION
from serving.models import UnknownModelError
from serving.rest.answers import encode
from serving.rest.door import Door
from serving.rest.errors import RestError, retry_later
from serving.rest.exchange import Exchange
from serving.rest.routes import parse

PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
_ID_LENGTH = 64


class Health(msgspec.Struct, frozen=True):
    """`ready` with a model in service; `models` are the versions that answer."""

    status: Literal["ready", "starting"]
    version: str
    models: dict[str, int | None]


class ModelInfo(msgspec.Struct, frozen=True):
    """A model as it is served now: who answers, who scores beside it, and who was refused."""

    name: str
    version: int
    sha256: str
    kind: str
    threshold: float
    features: list[str]
    shadow: int | None
    variant: int | None
    share: float
    refused: dict[str, str]


class Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What turned out to be true of a record of an answered request; `record` counts from 0."""

    request_id: str
    truth: Literal[0, 1]
    record: int = 0


class Taken(msgspec.Struct, frozen=True):
    """The feedback was taken."""

    request_id: str
    record: int


async def health(door: Door, exchange: Exchange) -> None:
    """200 as long as the process answers; whether it can predict is in `status`."""
    found: dict[str, int | None] = {}
    for name in door.models.names:
        champion = door.models.in_service(name)
        found[name] = champion.version if champion else None
    state: Literal["ready", "starting"] = "ready" if door.models.ready() else "starting"
    await exchange.answer(encode(Health(state, VERSION, found)))


async def list_models(door: Door, exchange: Exchange) -> None:
    """Every model in service."""
    served = [name for name in door.models.names if door.models.ready(name)]
    await exchange.answer(encode([info(door, name) for name in served]))


async def show_model(door: Door, exchange: Exchange) -> None:
    """One model."""
    await exchange.answer(encode(info(door, exchange.path["name"])))


async def reload(door: Door, exchange: Exchange) -> None:
    """Ask the registry now, instead of within the next seconds."""
    name = exchange.path["name"]
    try:
        await asyncio.to_thread(door.models.refresh, [name])
    except UnknownModelError as error:
        raise RestError(404, str(error)) from None
    await exchange.answer(encode(info(door, name)))


async def metrics(door: Door, exchange: Exchange) -> None:
    """Metrics for Prometheus."""
    await exchange.answer(await asyncio.to_thread(door.metrics.text), media=PROMETHEUS)


async def feedback(door: Door, exchange: Exchange) -> None:
    """Log the truth of a served record."""
    body = await exchange.body(door.settings.max_body_kib * 1024)
    told: Feedback = parse(body, Feedback)
    if not 0 < len(told.request_id) <= _ID_LENGTH:
        text = f"Field 'request_id' must have 1 to {_ID_LENGTH} characters."
        raise RestError(422, text, "request_id")
    if not 0 <= told.record < door.settings.max_records:
        text = f"Field 'record' must be from 0 to {door.settings.max_records - 1}."
        raise RestError(422, text, "record")
    if not door.log.is_on:
        text = "Predictions are not logged here, so there is nothing to join the truth to."
        raise RestError(409, f"{text[:-1]}; set serving.log_predictions.")
    if not door.log.add_truth(told.request_id, told.record, told.truth):
        raise retry_later(503, "The log is full; send the truth again in a few seconds.", 5)
    await exchange.answer(encode(Taken(told.request_id, told.record)), 202)


def info(door: Door, name: str) -> ModelInfo:
    """A model as it is served now."""
    champion = door.choose_now(name)
    served = door.models.served(name)
    return ModelInfo(
        name=name,
        version=champion.version,
        sha256=champion.sha256,
        kind=champion.bundle.manifest.kind,
        threshold=champion.threshold,
        features=list(champion.features),
        shadow=served.shadow.version if served.shadow else None,
        variant=served.variant.version if served.variant else None,
        share=served.share,
        refused={str(number): why for number, why in door.models.refused(name).items()},
    )
