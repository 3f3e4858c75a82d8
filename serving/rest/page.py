"""The page of the service: its description in OpenAPI, and a form to try each route."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np

from lakehouse.models import scoring
from serving.rest import catalogue, openapi
from serving.rest.answers import encode
from serving.rest.door import Door
from serving.rest.errors import RestError
from serving.rest.exchange import Exchange
from serving.rest.gate import Gate
from serving.rest.records import record_type
from serving.rest.routes import Handler, Route
from serving.served import LoadedModel

TITLE = "cdrlake models"
_OWN, _SHARED = "serving.rest", "lakehouse.http"
_FILES = {
    "page.js": (_OWN, b"text/javascript"),
    "page.css": (_OWN, b"text/css"),
    "look.css": (_SHARED, b"text/css"),
    "icon.svg": (_SHARED, b"image/svg+xml"),
}
_HTML = b"text/html; charset=utf-8"
_POLICY = b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
_HEADERS = [(b"content-security-policy", _POLICY), (b"referrer-policy", b"no-referrer")]
_ACCESSES = ("data", "health", "metrics")


def routes(others: Sequence[Route], gate: Gate) -> list[Route]:
    """The page, its files, and the document that describes `others` and the models in service."""
    keyed = [access for access in _ACCESSES if gate.needs_key(access)]
    return [
        Route("GET", "/", "", _page, access="open", is_hidden=True),
        Route("GET", "/page/{file}", "", _file, access="open", is_hidden=True),
        Route("GET", "/openapi.json", "", _document(others, keyed), is_hidden=True),
    ]


async def _page(_: Door, exchange: Exchange) -> None:
    await exchange.answer(_read(_OWN, "index.html"), media=_HTML, more=_HEADERS)


async def _file(_: Door, exchange: Exchange) -> None:
    name = exchange.path["file"]
    if name not in _FILES:
        raise RestError(404, "There is no such file.")
    package, media = _FILES[name]
    await exchange.answer(_read(package, name), media=media, more=_HEADERS)


def _document(others: Sequence[Route], keyed: Sequence[str]) -> Handler:
    async def document(door: Door, exchange: Exchange) -> None:
        served = [name for name in door.models.names if door.models.ready(name)]
        models = [await door.choose(name) for name in served]
        mine = [route for model in models for route in await asyncio.to_thread(_of_model, model)]
        made = openapi.document([*mine, *others], TITLE, keyed)
        await exchange.answer(encode(made))

    return document


def _of_model(model: LoadedModel) -> list[Route]:
    """The routes of one model, with two of its reference rows as samples."""
    title = "".join(part.capitalize() for part in model.name.split("_"))
    record = record_type(f"{title}Record", model.features)
    samples, name = _samples(model), model.name
    predicts = {f"/models/{name}/predict", f"/models/{name}/versions/{{version}}/predict"}
    return [
        replace(route, samples=samples) if route.path in predicts else route
        for route in catalogue.of_model(name, record)
    ]


@lru_cache(maxsize=64)
def _samples(model: LoadedModel) -> dict[str, Any]:
    """A row of the test window that is predicted positive and one that is not, where there are."""
    rows = scoring.matrix(model.bundle.reference(), model.features)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        return {}
    predicted = model.scorer.score(rows).prediction
    found = {}
    for value, title in ((1, "predicted positive"), (0, "predicted negative")):
        where = np.flatnonzero(predicted == value)
        if len(where):
            row = rows[where[0]].tolist()
            found[title] = dict(zip(model.features, row, strict=True))
    return found


@lru_cache(maxsize=8)
def _read(package: str, name: str) -> bytes:
    return (resources.files(package) / "static" / name).read_bytes()
