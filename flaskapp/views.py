"""The HTTP interface to what is there: rows, summary, health, metrics, and its own description."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from flaskapp import openapi
from flaskapp.cdr import reads
from flaskapp.metrics import registry
from flaskapp.validation import InvalidRequestError, parse_limit
from lakehouse import mysql
from lakehouse.clock import today
from lakehouse.errors import CdrlakeError

if TYPE_CHECKING:
    from flaskapp.app import Parts

DEFAULT_LIMIT, MAX_LIMIT = 100, 1_000
SUMMARY_DAYS = 7
FIRST_DATE = date(1000, 1, 1)  # the first that the database knows


def blueprint(parts: Parts) -> Blueprint:
    """Routes that only read."""
    views, settings = Blueprint("views", __name__), parts.settings

    @views.get("/data")
    def data() -> Response:
        limit = parse_limit(request.args.get("limit"), DEFAULT_LIMIT, MAX_LIMIT)
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            return jsonify(reads.last_rows(cursor, limit))

    @views.get("/summary")
    def summary() -> Response:
        default = today(parts.clock, settings.timezone) - timedelta(days=SUMMARY_DAYS)
        start = _date(request.args.get("start_date"), default)
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            found = reads.summary(cursor, start)
            connection.commit()
        return jsonify(found)

    @views.get("/health")
    def health() -> tuple[Response, int]:
        return _health(parts)

    @views.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry(parts)), content_type=CONTENT_TYPE_LATEST)

    @views.get("/openapi.json")
    def document() -> Response:
        return jsonify(openapi.document(settings))

    return views


def _health(parts: Parts) -> tuple[Response, int]:
    relay, backlog = asdict(parts.relay.status), None
    published = parts.relay.status.last_published_at
    relay["last_published_at"] = None if published is None else published.isoformat()
    try:
        with mysql.connect(parts.settings.mysql) as connection, connection.cursor() as cursor:
            rows, seconds = reads.backlog(cursor)
            backlog = {"rows": rows, "seconds": round(seconds, 3)}
            database = "ok"
    except (CdrlakeError, mysql.Error) as error:
        database = str(error)
    trouble = relay["error"] or parts.runner.trouble or backlog is None
    answer = {
        "status": "degraded" if trouble else "ok",
        "database": database,
        "relay": relay,
        "backlog": backlog,
        "streaming": parts.runner.is_running,
        "token_required": parts.settings.api.token is not None,
    }
    return jsonify(answer), 200 if backlog is not None else 503


def _date(text: str | None, default: date) -> date:
    if text is None:
        return default
    try:
        found = (
            date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
        )
    except ValueError:
        found = None
    if found is None:
        raise InvalidRequestError("start_date must be a date like 2026-01-31")
    return max(found, FIRST_DATE)
