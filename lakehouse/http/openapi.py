"""The description of an HTTP service in OpenAPI 3.1, made from the operations of its routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from flask import Flask
from msgspec.structs import fields
from werkzeug.routing import Rule

from lakehouse.http import access, operations
from lakehouse.http.operations import JSON, Error, Operation
from lakehouse.settings.model import ApiSettings
from lakehouse.version import VERSION

SECURITY = "bearer"
_REFERENCE = "#/components/schemas/{name}"
_MEANINGS = {
    400: "a value is not as required, or a key is unknown",
    401: "the bearer token is missing or wrong",
    403: "the request comes from another site or was sent to an unknown name",
    404: "there is no such thing",
    409: "it cannot be done now, or not so",
    413: "the body is too large",
    500: "an error of the service",
    503: "something that the answer needs is away or not there yet",
}
_MANNERS = (
    "Errors are JSON with a sentence. A method that an address does not have is answered with 405, "
    "an address that is not there with 404."
)
_ALWAYS = (400, 403, 500, 503)
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


def document(app: Flask, title: str, api: ApiSettings) -> dict[str, Any]:
    """The OpenAPI document of `app` as currently set up."""
    found = list(_operations(app))
    types = dict.fromkeys(kind for _, _, one in found for kind in _types(one))
    schemas, components = msgspec.json.schema_components(list(types), ref_template=_REFERENCE)
    known = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for rule, method, one in found:
        path = _PARAMETER.sub(r"{\1}", rule.rule)
        described = _operation(one, rule, known, api)
        if method == "POST":
            described["responses"]["413"] = _error(413, Error, known)
        paths.setdefault(path, {})[method.lower()] = described
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": VERSION, "description": _MANNERS},
        "paths": paths,
        "components": {"schemas": components},
    }
    if api.token is not None:
        made["components"]["securitySchemes"] = {SECURITY: {"type": "http", "scheme": "bearer"}}
    return made


def _operations(app: Flask) -> Iterator[tuple[Rule, str, Operation]]:
    for rule in app.url_map.iter_rules():
        declared = operations.of(app, rule.endpoint)
        if declared is not None:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method, declared


def _types(one: Operation) -> Iterator[Any]:
    yield Error
    for kind in (one.body, one.answer, *one.errors.values()):
        yield from _alternatives(kind)


def _alternatives(kind: Any) -> tuple[Any, ...]:
    if kind is None:
        return ()
    return kind if isinstance(kind, tuple) else (kind,)


def _content(kind: Any, known: dict[Any, Any]) -> dict[str, Any]:
    """The schema of a body of that type, or of one of several types."""
    schemas = [known[one] for one in _alternatives(kind)]
    if not schemas:
        return {}
    return {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}


def _operation(
    one: Operation, rule: Rule, known: dict[Any, Any], api: ApiSettings
) -> dict[str, Any]:
    answers = {"200": {"description": "done", "content": {one.media: _content(one.answer, known)}}}
    guarded = access.needs_token(one, api)
    usual = [*_ALWAYS, *([401] if guarded else [])]
    errors = dict.fromkeys(usual, Error) | dict(one.errors)
    answers |= {str(code): _error(code, errors[code], known) for code in sorted(errors)}
    made: dict[str, Any] = {
        "operationId": rule.endpoint,
        "summary": one.summary,
        "parameters": [*_path(one, rule), *_query(one)],
        "responses": answers,
    }
    if one.body:
        made["requestBody"] = {"required": False, "content": {JSON: _content(one.body, known)}}
    return made | ({"security": [{SECURITY: []}]} if guarded else {})


def _error(code: int, kind: Any, known: dict[Any, Any]) -> dict[str, Any]:
    return {"description": _MEANINGS[code], "content": {JSON: _content(kind, known)}}


def _path(one: Operation, rule: Rule) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(rule.rule):
        schema = one.path.get(name, {"type": "string", "minLength": 1})
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query(one: Operation) -> Iterator[dict[str, Any]]:
    for field in fields(one.query):
        schema = msgspec.json.schema(field.type)
        schema |= {} if field.required or field.default is None else {"default": field.default}
        # A query has no null: leaving the key out is its way to say nothing.
        schema = next((s for s in schema.get("anyOf", []) if s.get("type") != "null"), schema)
        parameter = {"name": field.encode_name, "in": "query", "required": field.required}
        yield parameter | {"schema": schema}
