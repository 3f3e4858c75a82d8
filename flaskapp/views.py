"""The HTTP interface to the service itself: health, counts, metrics, and its own description."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Literal

from flask import Blueprint, Response, current_app
from msgspec import Struct, defstruct
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from flaskapp import outbox
from flaskapp.metrics import registry
from flaskapp.parts import Parts
from lakehouse import ledger, mysql
from lakehouse.background import Background
from lakehouse.domain import Domain
from lakehouse.errors import CdrlakeError
from lakehouse.http import openapi
from lakehouse.http.operations import Operation, as_json, operation
from lakehouse.ledger import Ledger

# Counting takes a moment, and much longer while a server is away.
FRESH_S, PATIENCE_S = 1.0, 2.0


class RelayHealth(Struct, frozen=True):
    """The way from the outbox to Kafka."""

    state: str
    published: int
    error: str | None
    last_published_at: datetime | None


class Backlog(Struct, frozen=True):
    """Rows that wait for Kafka, and the age in seconds of the oldest."""

    rows: int
    seconds: float


class Health(Struct, frozen=True):
    """Whether the service, its database and the relay work; the backlog is unknown without one.

    `problem` says in a sentence why it is degraded.
    """

    status: Literal["ok", "degraded"]
    problem: str | None
    database: str
    relay: RelayHealth
    backlog: Backlog | None
    streaming: bool
    token_required: bool


class StepView(Struct, frozen=True):
    """A station of the flow; no count where it cannot be asked."""

    name: str
    count: int | None
    unit: str


class Counts(Struct, frozen=True):
    """How many rows there are at every station."""

    steps: list[StepView]
    checks: list[dict[str, Any]]
    notes: list[dict[str, Any]] = []


def blueprint(parts: Parts) -> Blueprint:
    """Routes that only read."""
    views, settings = Blueprint("views", __name__), parts.settings
    known = {one.name: counted(parts, one) for one in parts.domains}
    names: Any = Literal[tuple(known)]
    which = defstruct("Which", [("domain", names, parts.sources[0].domain)], frozen=True)

    @views.get("/health")
    @operation(Operation("Whether it works", Health, errors={503: Health}, access="health"))
    def health() -> Response:
        found = _health(parts)
        return as_json(found, 200 if found.backlog else 503)

    @views.get("/ledger")
    @operation(Operation("Rows at every station of the flow", Counts, query=which))
    def counts(query: Any) -> dict[str, Any]:
        return known[query.domain].get().as_dict()

    @views.get("/metrics")
    @operation(Operation("Figures for Prometheus", media="text/plain", access="metrics"))
    def metrics() -> Response:
        return Response(generate_latest(registry(parts)), content_type=CONTENT_TYPE_LATEST)

    @views.get("/openapi.json")
    @operation(Operation("This document", dict[str, Any], access="open"))
    def document() -> dict[str, Any]:
        return openapi.document(current_app, "cdrlake simulator", settings.api)

    return views


def counted(parts: Parts, domain: Domain) -> Background[Ledger]:
    """The counts of a domain, at most a second old while its servers answer."""
    ask, unknown = partial(ledger.snapshot, parts.settings, domain), ledger.unknown(domain)
    return Background(ask, unknown, parts.clock, FRESH_S, PATIENCE_S)


def _health(parts: Parts) -> Health:
    status, backlog, database = parts.relay.status, None, "ok"
    try:
        with mysql.connect(parts.settings.mysql) as connection, connection.cursor() as cursor:
            rows, seconds = outbox.backlog(cursor)
            backlog = Backlog(rows, round(seconds, 3))
    except (CdrlakeError, mysql.Error) as error:
        database = str(error)
    problem = parts.runner.trouble or status.error if backlog else database
    return Health(
        status="degraded" if problem else "ok",
        problem=problem,
        database=database,
        relay=RelayHealth(status.state, status.published, status.error, status.last_published_at),
        backlog=backlog,
        streaming=parts.runner.is_running,
        token_required=parts.settings.api.token is not None,
    )
