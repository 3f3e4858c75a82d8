"""The HTTP interface of monitoring."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request, send_from_directory, url_for
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from lakehouse.http import access
from lakehouse.settings import Settings
from monitoring.errors import NotFoundError
from monitoring.output import names
from monitoring.report import answer
from monitoring.service import Service
from monitoring.web import metrics, openapi
from monitoring.web.query import parse_limit, parse_run

MAX_RUNS = 500


def blueprint(settings: Settings, service: Service) -> Blueprint:
    """All routes but those of the dashboard."""
    api = Blueprint("api", __name__)

    @api.get("/run-monitoring")
    def run_monitoring() -> Response:
        report = service.run(parse_run(request.args))
        return jsonify(answer(report, links(report.run_id)))

    @api.get("/runs")
    def runs() -> Response:
        limit = parse_limit(request.args.get("limit"), 50, MAX_RUNS)
        kept = set(service.output.runs())
        found = [_listed(row, kept) for row in service.records.latest(limit)]
        return jsonify(runs=found)

    @api.get("/runs/<run_id>/<name>")
    def run_file(run_id: str, name: str) -> Response:
        return _file(service, run_id, name)

    @api.get("/health")
    def health() -> Response:
        latest = service.latest
        return jsonify(
            status="ok",
            last_run=latest.run_id if latest else None,
            token_required=settings.api.token is not None,
        )

    @api.get("/metrics")
    def figures() -> Response:
        content = generate_latest(metrics.registry(service))
        return Response(content, content_type=CONTENT_TYPE_LATEST)

    @api.get("/openapi.json")
    def document() -> Response:
        return jsonify(openapi.document(settings))

    return api


def _file(service: Service, run_id: str, name: str) -> Response:
    folder = service.output.run(run_id)
    if folder is None or name not in names.FILES:
        got = f"{run_id[:40]}/{name[:40]}"
        raise NotFoundError("runs", "a run and file that are kept", got, "see /runs")
    response = send_from_directory(folder, name)
    return access.allow_own_style(response) if name == names.PAGE else response


def links(run_id: str) -> dict[str, str]:
    """Where the files of a run are, by file name."""
    found = {
        name: url_for("api.run_file", run_id=run_id, name=name, _external=True)
        for name in names.FILES
    }
    return {"dashboard": url_for("pages.index", run_id=run_id, _external=True)} | found


def _listed(row: dict[str, Any], kept: set[str]) -> dict[str, Any]:
    times = {name: row[name].isoformat() for name in ("started_at", "finished_at")}
    files = links(row["run_id"]) if row["run_id"] in kept else {}
    return row | times | {"links": files}
