"""The registry over HTTP: the part of Confluent's interface that its clients use."""

from __future__ import annotations

import json

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from lakehouse.errors import ContractError
from lakehouse.http import access, operations
from lakehouse.http.operations import Operation
from lakehouse.schema_registry.registry import IncompatibleError, Registered, SchemaRegistry
from lakehouse.settings import Settings

TYPE = "application/vnd.schemaregistry.v1+json"
NO_SUBJECT, NO_VERSION, NO_SCHEMA = 40401, 40402, 40403
CONFLICT, INVALID, BAD_LEVEL, NOT_ALLOWED = 409, 42201, 42203, 40501
TOO_DEEP = "This is no schema that can be read: it is nested too deeply."


class _NotFoundError(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def create_app(settings: Settings, registry: SchemaRegistry) -> Flask:
    """The WSGI application. Schemas are never deleted: messages name them for ever."""
    app = Flask(__name__)
    access.guard(app, settings.api, settings.schemas.host, "schemas.host")
    _schemas(app, registry)
    _levels(app, registry)
    _declare(app)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(_NotFoundError, lambda error: _error(404, error.code, str(error)))
    app.register_error_handler(IncompatibleError, lambda error: _error(409, CONFLICT, str(error)))
    app.register_error_handler(ContractError, lambda error: _error(422, INVALID, str(error)))
    app.register_error_handler(RecursionError, lambda _: _error(422, INVALID, TOO_DEEP))
    return app


def _declare(app: Flask) -> None:
    """Access rules of the routes. Their clients add keys to the query that are not looked at."""
    for name, view in app.view_functions.items():
        rule: operations.Access = "health" if name == "health" else "data"
        view.operation = Operation(  # type: ignore[union-attr]
            name, access=rule, acts=name in ("register", "set_level")
        )
    operations.install(app)


def _schemas(app: Flask, registry: SchemaRegistry) -> None:
    @app.get("/health")
    def health() -> Response:
        return _answer({"status": "ok"})

    @app.get("/subjects")
    def subjects() -> Response:
        return _answer(registry.subjects())

    @app.get("/subjects/<subject>/versions")
    def versions(subject: str) -> Response:
        return _answer([one.version for one in _known(registry, subject)])

    @app.post("/subjects/<subject>/versions")
    def register(subject: str) -> Response:
        return _answer({"id": registry.register(subject, _schema_text()).id})

    @app.post("/subjects/<subject>")
    def find(subject: str) -> Response:
        _known(registry, subject)
        found = registry.find(subject, _schema_text())
        if found is None:
            raise _NotFoundError(NO_SCHEMA, "Schema not found")
        return _answer(vars(found))

    @app.get("/subjects/<subject>/versions/<version>")
    def version(subject: str, version: str) -> Response:
        return _answer(vars(_version(_known(registry, subject), version)))

    @app.get("/schemas/ids/<int:number>")
    def by_id(number: int) -> Response:
        text = registry.by_id(number)
        if text is None:
            raise _NotFoundError(NO_SCHEMA, f"Schema {number} not found")
        return _answer({"schema": text})


def _levels(app: Flask, registry: SchemaRegistry) -> None:
    @app.get("/config", defaults={"subject": ""})
    @app.get("/config/<subject>")
    def level(subject: str) -> Response:
        return _answer({"compatibilityLevel": registry.level(subject)})

    @app.put("/config", defaults={"subject": ""})
    @app.put("/config/<subject>")
    def set_level(subject: str) -> Response:
        wanted = str(_body().get("compatibility", ""))
        try:
            registry.set_level(wanted, subject)
        except ContractError as error:
            return _error(422, BAD_LEVEL, str(error))
        return _answer({"compatibility": wanted})

    @app.post("/compatibility/subjects/<subject>/versions/latest")
    def compatible(subject: str) -> Response:
        told = registry.problems(subject, _schema_text())
        return _answer({"is_compatible": not told, "messages": told})


def _known(registry: SchemaRegistry, subject: str) -> list[Registered]:
    found = registry.versions(subject)
    if not found:
        raise _NotFoundError(NO_SUBJECT, f"Subject '{subject}' not found.")
    return found


def _version(found: list[Registered], version: str) -> Registered:
    if version in ("latest", "-1"):
        return found[-1]
    for one in found:
        if str(one.version) == version:
            return one
    raise _NotFoundError(NO_VERSION, f"Version {version} not found.")


def _body() -> dict[str, object]:
    found = request.get_json(force=True, silent=True)
    return found if isinstance(found, dict) else {}


def _schema_text() -> str:
    """The schema of the request. Raises `ContractError` for one that is not Avro."""
    body = _body()
    if body.get("schemaType", "AVRO") != "AVRO" or not isinstance(body.get("schema"), str):
        raise ContractError.sentence("This registry takes Avro schemas only, as text in `schema`.")
    text = str(body["schema"])
    try:
        json.loads(text)
    except ValueError:
        raise ContractError.sentence("This is no Avro schema: it is not JSON.") from None
    return text


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    code, text = status, error.description or error.name
    if status == 405:
        code, text = NOT_ALLOWED, "Schemas are never deleted here."
    response = _error(status, code, text)
    headers = error.get_headers(request.environ)  # with Allow, or WWW-Authenticate
    response.headers.extend([pair for pair in headers if pair[0] != "Content-Type"])
    return response


def _answer(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type=TYPE)


def _error(status: int, code: int, text: str) -> Response:
    return _answer({"error_code": code, "message": text}, status)
