"""A client of a schema registry: the embedded one, Confluent's, or another with its interface."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, NamedTuple

from lakehouse.errors import ContractError, ServiceError
from lakehouse.schema_registry import avro_schemas
from lakehouse.schema_registry.avro_schemas import Schema
from lakehouse.settings import Settings

TIMEOUT_S = 10.0
_TYPE = "application/vnd.schemaregistry.v1+json"


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
    """Registers schemas and finds them by id; a schema that was found is never asked for again."""

    def __init__(self, address: Address) -> None:
        self._url = address.url.rstrip("/")
        self._headers = {"Content-Type": _TYPE, "Accept": _TYPE}
        if address.token is not None:
            self._headers["Authorization"] = f"Bearer {address.token}"
        self._by_id: dict[int, Schema] = {}

    def register(self, subject: str, schema: Schema) -> int:
        """The id of a schema of this subject, registered at need.

        Raises `ContractError` if it is not compatible with the one before.
        """
        place = f"/subjects/{urllib.parse.quote(subject, safe='')}/versions"
        status, answer = self._call(place, {"schema": avro_schemas.canonical(schema)})
        if status != 200:
            raise ContractError.sentence(f"{subject}: {answer.get('message', status)}")
        return int(answer["id"])

    def schema(self, number: int) -> Schema:
        """The schema with that id. Raises `UnknownSchemaError` where there is none."""
        if number not in self._by_id:
            status, answer = self._call(f"/schemas/ids/{number}")
            if status == 404:
                raise UnknownSchemaError.sentence(f"the registry has no schema {number}")
            if status != 200:
                raise self._unreachable(f"status {status}")
            self._by_id[number] = avro_schemas.parse(answer["schema"])
        return self._by_id[number]

    def versions(self, subject: str) -> list[int]:
        """Versions of a subject; empty if there is no such subject."""
        status, answer = self._call(f"/subjects/{urllib.parse.quote(subject, safe='')}/versions")
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
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(error.read())
        except (OSError, ValueError) as error:
            raise self._unreachable(str(error)) from None

    def _unreachable(self, got: str) -> NoAnswerError:
        return NoAnswerError(
            f"schema registry at {self._url}", "an answer", got, "check schemas.url in the settings"
        )


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
