"""The description of the HTTP interface in OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lakehouse.settings import Settings
from lakehouse.version import VERSION
from monitoring.output import folder, names
from monitoring.web.query import MAX_VERSION

_ERRORS = {
    "400": "a parameter is not as required",
    "401": "a bearer token is needed",
    "404": "there is no such run, version or period",
    "409": "the period meets the reference, or another run is under way",
    "500": "an error of the service",
    "503": "no champion, no predictions, or no lake yet",
}


def document(settings: Settings, prefixes: Sequence[str] = ("",)) -> dict[str, Any]:
    """The OpenAPI document of a service with these settings; each model has a prefix of its own."""
    run = [
        _query("start_date", {"type": "string", "format": "date"}),
        _query("end_date", {"type": "string", "format": "date"}),
        _query("model_version", {"type": "integer", "minimum": 1, "maximum": MAX_VERSION}),
        _query("period", {"type": "string", "pattern": r"^(D|W|[0-9]*H|[0-9]+min|[0-9]+)$"}),
    ]
    file = [
        _path("run_id", {"type": "string", "pattern": folder.RUN_ID.pattern}),
        _path("name", {"enum": list(names.FILES)}),
    ]
    limit = [_query("limit", {"type": "integer", "minimum": 1, "maximum": 500})]
    of_model = {
        "/run-monitoring": {"get": _operation("Make a run, or join it", run)},
        "/runs": {"get": _operation("Runs, newest first", limit)},
        "/runs/{run_id}/{name}": {"get": _operation("A file of a run", file, "*/*")},
        "/report.json": {"get": _operation("The latest report", [])},
        "/pipeline": {"get": _operation("Counts and lags of the pipeline", [])},
        "/": {"get": _operation("The dashboard", [], "text/html")},
    }
    paths = {
        "/models": {"get": _operation("The models that are watched", [])},
        "/health": {"get": _operation("Whether the service works", [])},
        "/metrics": {"get": _operation("Figures for Prometheus", [], "text/plain")},
        "/openapi.json": {"get": _operation("This document", [])},
        **{f"{prefix}{path}": dict(of) for prefix in prefixes for path, of in of_model.items()},
    }
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "cdrlake monitoring", "version": VERSION},
        "paths": paths,
    }
    if settings.api.token is not None:
        found["components"] = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
        for prefix in prefixes:
            paths[f"{prefix}/run-monitoring"]["get"]["security"] = [{"bearer": []}]
    return found


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _operation(
    summary: str, parameters: list[dict[str, Any]], media: str = "application/json"
) -> dict[str, Any]:
    done = {"200": {"description": "done", "content": {media: {}}}}
    wrong = {
        code: {"description": text, "content": {"application/json": {}}}
        for code, text in _ERRORS.items()
    }
    return {"summary": summary, "parameters": parameters, "responses": done | wrong}
