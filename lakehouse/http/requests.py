"""A client's request, validated against a model, with a sentence that says what is wrong.

A model is a msgspec `Struct` whose fields carry their bounds; the same model describes the request
in OpenAPI. The same rules apply to query parameters and bodies: unknown keys are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import FieldInfo, fields
from werkzeug.datastructures import MultiDict

from lakehouse.errors import closest

M = TypeVar("M", bound=msgspec.Struct)
MAX_SHOWN = 40
MAX_DIGITS = 18


class InvalidRequestError(ValueError):
    """A request that cannot be served; its text is meant for the client."""


class NoQuery(msgspec.Struct, frozen=True):
    """The query of an address that takes no parameters."""


def parse_query(model: type[M], given: MultiDict[str, str]) -> M:
    """The query parameters as a `model`. Raises `InvalidRequestError`.

    >>> class Rows(msgspec.Struct):
    ...     limit: int = 10
    >>> parse_query(Rows, MultiDict({"limit": "007"})).limit
    7
    """
    for name, values in given.lists():
        if len(values) > 1:
            raise InvalidRequestError(f"{_shown(name)} must be given once, not {len(values)} times")
    whole = {field.name for field in fields(model) if _schema(field).get("type") == "integer"}
    return build(
        model, {name: _number(text) if name in whole else text for name, text in given.items()}
    )


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, or `{}` for an empty body. Raises `InvalidRequestError`."""
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequestError("body must be JSON") from None
    if not isinstance(value, dict):
        raise InvalidRequestError("body must be a JSON object")
    return value


def build(model: type[M], given: Mapping[str, Any]) -> M:
    """A `model` made from these values; a missing key takes its default.

    Raises `InvalidRequestError` with a text of the form "<key> must be ..., not ...".

    >>> class Rows(msgspec.Struct):
    ...     limit: int = 10
    >>> build(Rows, {"limt": 5})
    Traceback (most recent call last):
    lakehouse.http.requests.InvalidRequestError: limt is not a known key; did you mean 'limit'?
    """
    known = {field.name: field for field in fields(model)}
    for name in given:
        if name not in known:
            hint = closest(name[:MAX_SHOWN], known) if known else "this address takes none"
            raise InvalidRequestError(f"{_shown(name)} is not a known key; {hint}")
    values = {name: _value(known[name], value) for name, value in given.items()}
    for name, field in known.items():
        if field.required and name not in values:
            raise InvalidRequestError(f"{name} must be given: {needed(_schema(field))}")
    try:
        return model(**values)
    except ValueError as error:
        raise InvalidRequestError(str(error)) from None


def needed(schema: Mapping[str, Any]) -> str:
    """What a JSON Schema requires of a value, in words.

    >>> needed({"type": "integer", "minimum": 1, "maximum": 9})
    'an integer from 1 to 9'
    """
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if schema.get("type") == "integer":
        low, high = schema.get("minimum"), schema.get("maximum")
        return "an integer" + (f" from {low} to {high}" if high is not None else f" from {low} on")
    if schema.get("format") == "date":
        return "a date like 2026-01-31"
    return str(schema.get("description") or f"of type {schema.get('type', 'object')}")


def _value(field: FieldInfo, value: Any) -> Any:
    schema = _schema(field)
    # JSON knows no integers: 5.0 is one.
    if schema.get("type") == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError:
        raise InvalidRequestError(
            f"{field.name} must be {needed(schema)}, not {_shown(value)}"
        ) from None


def _schema(field: FieldInfo) -> dict[str, Any]:
    """The schema of a field, without the null that an optional field allows."""
    schema = msgspec.json.schema(field.type)
    schema |= next((one for one in schema.get("anyOf", []) if one.get("type") != "null"), {})
    if None in schema.get("enum", []):
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    return schema


def _number(text: str) -> int | str:
    """The whole number that a text of digits means; any other text unchanged."""
    digits = text.lstrip("0") or text[-1:]
    is_whole = text.isascii() and text.isdecimal() and len(digits) <= MAX_DIGITS
    return int(digits) if is_whole else text


def _shown(value: Any) -> str:
    """A value from outside, shortened and without control characters."""
    if isinstance(value, str) and value.isidentifier() and len(value) <= MAX_SHOWN:
        return value
    try:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    except (ValueError, RecursionError):
        text = type(value).__name__
    return ascii(text[:MAX_SHOWN]) if isinstance(value, str) else text[:MAX_SHOWN]
