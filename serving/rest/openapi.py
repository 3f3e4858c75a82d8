"""The description of the service in OpenAPI 3.1, made from its routes and the models in service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from lakehouse.version import VERSION
from serving.rest.errors import Problem
from serving.rest.routes import Route

SECURITY = "key"
_REFERENCE = "#/components/schemas/{name}"
_MEANINGS = {
    400: "the body is not what its media type says, or ended early",
    401: "the client's key is missing or wrong",
    403: "the request comes from another site or was sent to an unknown name",
    404: "there is no such model, version or entity",
    409: "it cannot be done here, or not now",
    413: "the body is too large",
    415: "the media type is not one of those that this address takes",
    422: "a field is unknown, missing or not as required; the answer names it",
    429: "this client sends too much",
    500: "an error of the service",
    503: "no version can answer now, or too many requests came at a time",
}
_MANNERS = (
    "Records are objects with the features of a model by their names. Errors are JSON with a "
    "sentence and, where it is about one, the field. Every answer carries X-Request-Id, under "
    "which the truth can be sent later."
)


def document(routes: Iterable[Route], title: str, keyed: Iterable[str]) -> dict[str, Any]:
    """The OpenAPI document of some routes; those with an access in `keyed` need a key."""
    shown, needs_key = [route for route in routes if not route.is_hidden], set(keyed)
    types = list(dict.fromkeys((Problem, *(kind for one in shown for kind in _types(one)))))
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    known = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in shown:
        described = _operation(route, known, route.access in needs_key)
        paths.setdefault(route.path, {})[route.method.lower()] = described
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": VERSION, "description": _MANNERS},
        "paths": paths,
        "components": {"schemas": components},
    }
    if needs_key:
        made["components"]["securitySchemes"] = {SECURITY: {"type": "http", "scheme": "bearer"}}
    return made


def _types(route: Route) -> Iterator[Any]:
    yield from _leaves(route.body)
    yield from _leaves(route.answer)


def _leaves(kind: Any) -> Iterator[Any]:
    """The types within a type or a schema that holds types."""
    if isinstance(kind, dict):
        for part in kind.values():
            yield from _leaves(part)
    elif isinstance(kind, list):
        for part in kind:
            yield from _leaves(part)
    elif kind is not None and not isinstance(kind, str | int | float):
        yield kind


def _schema(kind: Any, known: dict[Any, Any]) -> Any:
    if isinstance(kind, dict):
        return {name: _schema(part, known) for name, part in kind.items()}
    if isinstance(kind, list):
        return [_schema(part, known) for part in kind]
    return kind if kind is None or isinstance(kind, str | int | float) else known[kind]


def _operation(route: Route, known: dict[Any, Any], has_key: bool) -> dict[str, Any]:
    answer = {} if route.answer is None else {"schema": _schema(route.answer, known)}
    responses: dict[str, Any] = {
        str(route.status): {"description": "the answer", "content": {route.answers_in: answer}}
    }
    statuses = {403, 422, 500, 503, *route.statuses}
    if has_key:
        statuses |= {401, 429}
    if route.body is not None:
        statuses |= {400, 413}
    if route.access == "data":
        statuses.add(429)
    for status in sorted(statuses):
        if str(status) not in responses:
            responses[str(status)] = _error(status, route, known)
    made: dict[str, Any] = {"summary": route.summary, "responses": responses}
    parameters = [*_parameters(route.parameters, "path"), *_parameters(route.query, "query")]
    if parameters:
        made["parameters"] = parameters
    if route.body is not None:
        made["requestBody"] = _body(route, known)
    if has_key:
        made["security"] = [{SECURITY: []}]
    return made


def _error(status: int, route: Route, known: dict[Any, Any]) -> dict[str, Any]:
    schema = known[Problem]
    if status == 503 and route.access == "health" and route.answer is not None:
        schema = {"anyOf": [schema, _schema(route.answer, known)]}
    content = {"application/json": {"schema": schema}}
    return {"description": _MEANINGS[status], "content": content}


def _parameters(schemas: Any, place: str) -> Iterator[dict[str, Any]]:
    for name, schema in schemas.items():
        yield {"name": name, "in": place, "required": place == "path", "schema": schema}


def _body(route: Route, known: dict[Any, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media in route.media:
        is_json = media == "application/json"
        content[media] = {"schema": _schema(route.body, known) if is_json else {"type": "string"}}
        if is_json and route.samples:
            samples = {name: {"value": value} for name, value in route.samples.items()}
            content[media]["examples"] = samples
    return {"required": True, "content": content}
