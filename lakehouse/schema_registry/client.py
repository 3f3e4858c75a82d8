"""A client of a schema registry: the embedded one, Confluent's, or another with its interface."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import Any, NamedTuple

from lakehouse.errors import AccessError, ContractError, ServiceError
from lakehouse.schema_registry import avro_schemas
from lakehouse.schema_registry.avro_schemas import Schema
from lakehouse.settings import Settings

TIMEOUT_S = 10.0
_TYPE = "application/vnd.schemaregistry.v1+json"
_REFUSED, _DENIED, _BUSY = (409, 422), (401, 403), 429


class Address(NamedTuple):
    """Where a registry is, and the token that the embedded one asks for, if there is one."""

    url: str
    token: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Address:
        """The registry of an installation. A token of ours is not shown to others' registries."""
        token = settings.api.token if settings.schemas.url is None else None
        return cls(settings.schemas.address, token.get_secret_value() if token else None)


class NoAnswerError(ServiceError):
    """The registry cannot be reached at the moment; the same call may succeed later."""


class UnknownSchemaError(ContractError):
    """The registry has no schema with the id of a message."""


class SchemaClient:
    """Registers schemas and finds them by id; a schema that was found is never asked for again.

    What asks the registry raises `NoAnswerError` while it is away, too busy or failing,
    `AccessError` when it denies access, and `ServiceError` for any other answer than expected.
    """

    def __init__(self, address: Address) -> None:
        self._url = address.url.rstrip("/")
        self._headers = {"Content-Type": _TYPE, "Accept": _TYPE}
        if address.token is not None:
            self._headers["Authorization"] = f"Bearer {address.token}"
        self._by_id: dict[int, Schema] = {}

    def register(self, subject: str, schema: Schema) -> int:
        """The id of a schema of this subject, registered at need.

        Raises `ContractError` if it is no schema, or not compatible with the one before.
        """
        place = f"/subjects/{urllib.parse.quote(subject, safe='')}/versions"
        status, answer = self._call(place, {"schema": avro_schemas.canonical(schema)})
        if status in _REFUSED:
            raise ContractError.sentence(f"{subject}: {answer.get('message', status)}")
        if status != 200:
            raise self._failed(status, answer)
        return int(answer["id"])

    def schema(self, number: int) -> Schema:
        """The schema with that id. Raises `UnknownSchemaError` where there is none."""
        if number not in self._by_id:
            status, answer = self._call(f"/schemas/ids/{number}")
            if status == 404:
                raise UnknownSchemaError.sentence(f"the registry has no schema {number}")
            if status != 200:
                raise self._failed(status, answer)
            self._by_id[number] = avro_schemas.parse(answer["schema"])
        return self._by_id[number]

    def versions(self, subject: str) -> list[int]:
        """Versions of a subject; empty if there is no such subject."""
        status, answer = self._call(f"/subjects/{urllib.parse.quote(subject, safe='')}/versions")
        if status not in (200, 404):
            raise self._failed(status, answer)
        return list(answer) if status == 200 else []

    def healthy(self) -> bool:
        """Whether the registry answers."""
        try:
            return self._call("/subjects")[0] == 200
        except ServiceError:
            return False

    def _call(self, place: str, body: object = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 the address is a setting
            f"{self._url}{place}", data, self._headers
        )
        try:
            return _answer(request)
        except (OSError, ValueError, HTTPException) as error:
            raise self._unreachable(str(error) or repr(error)) from None

    def _unreachable(self, got: str) -> NoAnswerError:
        return NoAnswerError(
            f"schema registry at {self._url}", "an answer", got, "check schemas.url in the settings"
        )

    def _failed(self, status: int, answer: dict[str, Any]) -> ServiceError:
        """The error for a status that says nothing about the schema."""
        got = f"status {status}: {answer.get('message', 'no reason given')}"
        where = f"schema registry at {self._url}"
        if status in _DENIED:
            return AccessError(where, "access", got, "check api.token and schemas.url")
        if status == _BUSY or status >= 500:
            return self._unreachable(got)
        return ServiceError(where, "a registry's answer", got, "check schemas.url in the settings")


def _answer(request: urllib.request.Request) -> tuple[int, Any]:
    """Status and JSON of an answer; the status may be one of an error."""
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _json(error.read())


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
