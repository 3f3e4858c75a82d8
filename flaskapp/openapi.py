"""The description of the HTTP interface in OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from flaskapp.cdr.world import PLANS
from flaskapp.validation import MAX_DAYS_PER_BATCH, MAX_SEED, MODES, StreamRequest
from lakehouse.settings import Settings
from lakehouse.version import VERSION

_ANSWERS = {
    400: "a value is not as required",
    401: "a bearer token is needed",
    403: "the request comes from another site",
    404: "there is no such stream",
    409: "a stream is running already, or there is nothing to send",
    413: "the body is too large",
    500: "an error of the service",
    503: "the database does not answer",
}

_DRIFT = (
    "change of the world from the first replayed day on, for good: price_shock makes four times "
    "as many waver, unit_change sends 1024 times the volume, network_outage silences a region for "
    "three days, new_plan moves calls to data, concept_flip lets usage fade for the loyal instead "
    "of for leavers, gradual_fade takes up to half of all usage. In mode live only what changes "
    "the measures of a row has an effect (unit_change, new_plan, and gradual_fade, which grows "
    "with each batch as with a day), and ends with the stream"
)


def document(settings: Settings) -> dict[str, Any]:
    """The OpenAPI document of a service with these settings."""
    limit = _query("limit", {"type": "integer", "minimum": 1, "maximum": 1_000})
    start = _query("start_date", {"type": "string", "format": "date"})
    stream_id = _query("stream_id", {"type": "string", "minLength": 1})
    body = {"content": {"application/json": {"schema": _request(settings)}}}
    one = {**stream_id, "in": "path", "required": True}
    paths = {
        "/start_stream": {"post": _operation("Start a stream", 400, 409, body=body)},
        "/stop_stream": {"post": _operation("End the running stream, of any process", 409)},
        "/streams": {"get": _operation("Streams, newest first", 400, parameters=[limit])},
        "/streams/{stream_id}": {"get": _operation("One stream", 404, parameters=[one])},
        "/data": {"get": _operation("The newest rows of DP_CDR_Data", 400, parameters=[limit])},
        "/summary": {"get": _operation("GetDailyCDRDataBatch", 400, parameters=[start])},
        "/ledger": {"get": _operation("Rows at every station of the flow")},
        "/health": {"get": _operation("Whether the service, database and relay work")},
        "/metrics": {"get": _operation("Figures for Prometheus", media="text/plain")},
        "/openapi.json": {"get": _operation("This document")},
        "/": {"get": _operation("The page", media="text/html")},
    }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "cdrlake simulator", "version": VERSION},
        "paths": paths,
    }
    if settings.api.token is not None:
        scheme = {"bearer": {"type": "http", "scheme": "bearer"}}
        document["components"] = {"securitySchemes": scheme}
        for path in ("/start_stream", "/stop_stream"):
            paths[path]["post"]["security"] = [{"bearer": []}]
    return document


def _request(settings: Settings) -> dict[str, Any]:
    limits, defaults = settings.simulator, StreamRequest().as_dict()
    rules: dict[str, dict[str, Any]] = {
        "batch_size": _whole(limits.max_batch_size, "rows of a batch or transaction"),
        "num_batches": _whole(limits.max_num_batches, "batches to send"),
        "interval": _whole(limits.max_interval_seconds, "seconds between two batches"),
        "mode": {"enum": list(MODES), "description": "rows dated now, or the source's next days"},
        "days_per_batch": _whole(MAX_DAYS_PER_BATCH, "days in a batch of a replay"),
        "seed": {
            "type": ["integer", "null"],
            "minimum": 0,
            "maximum": MAX_SEED,
            "description": "of sampling and noise in mode live; a replay needs none",
        },
        "drift": {"enum": [*PLANS, None], "description": _DRIFT},
    }
    for name, rule in rules.items():
        rule["default"] = defaults[name]
    return {"type": "object", "properties": rules, "additionalProperties": False}


def _whole(maximum: int, doc: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": maximum, "description": doc}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _operation(
    summary: str,
    *errors: int,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
    media: str = "application/json",
) -> dict[str, Any]:
    answers = {"200": {"description": "done", "content": {media: {}}}}
    for code in sorted({*errors, 401, 403, 413, 500, 503}):
        answers[str(code)] = {"description": _ANSWERS[code], "content": {"application/json": {}}}
    operation: dict[str, Any] = {"summary": summary, "responses": answers}
    if parameters:
        operation["parameters"] = parameters
    return operation | ({"requestBody": body} if body else {})
