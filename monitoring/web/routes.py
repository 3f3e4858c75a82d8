"""The HTTP interface of monitoring: what every model has, and what there is once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, jsonify, request, send_from_directory
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from lakehouse.http import access
from lakehouse.settings import Settings
from monitoring.errors import NotFoundError
from monitoring.output import names
from monitoring.report import answer
from monitoring.service import Service
from monitoring.watched import WatchedModel
from monitoring.web import metrics, openapi
from monitoring.web.query import parse_limit, parse_run

MAX_RUNS = 500


def of_model(model: WatchedModel) -> Blueprint:
    """Runs of one model and their files."""
    api = Blueprint(f"api {model.name.replace('.', '-')}", __name__, url_prefix=model.path)
    service = model.service

    @api.get("/run-monitoring")
    def run_monitoring() -> Response:
        report = service.run(parse_run(request.args))
        return jsonify(answer(report, links(model.path, report.run_id)))

    @api.get("/runs")
    def runs() -> Response:
        limit = parse_limit(request.args.get("limit"), 50, MAX_RUNS)
        kept = set(service.output.runs())
        found = [_listed(model.path, row, kept) for row in service.records.latest(limit)]
        return jsonify(runs=found)

    @api.get("/runs/<run_id>/<name>")
    def run_file(run_id: str, name: str) -> Response:
        return _file(service, run_id, name)

    return api


def of_service(settings: Settings, models: Sequence[WatchedModel]) -> Blueprint:
    """What is said of the service as a whole."""
    api = Blueprint("service", __name__)

    @api.get("/models")
    def known() -> Response:
        found = [
            {"model": model.name, "title": model.scored.words.title, "path": f"{model.path}/"}
            for model in models
        ]
        return jsonify(models=found)

    @api.get("/health")
    def health() -> tuple[Response, int]:
        latest = models[0].service.latest
        failures = [model.failure for model in models if model.failure is not None]
        found = jsonify(
            status="failing" if failures else "ok",
            last_run=latest.run_id if latest else None,
            token_required=settings.api.token is not None,
            **({"reason": "; ".join(failures)} if failures else {}),
        )
        return found, 503 if failures else 200

    @api.get("/metrics")
    def figures() -> Response:
        content = generate_latest(metrics.registry(models))
        return Response(content, content_type=CONTENT_TYPE_LATEST)

    @api.get("/openapi.json")
    def document() -> Response:
        return jsonify(openapi.document(settings, [model.path for model in models]))

    return api


def _file(service: Service, run_id: str, name: str) -> Response:
    folder = service.output.run(run_id)
    if folder is None or name not in names.FILES:
        got = f"{run_id[:40]}/{name[:40]}"
        raise NotFoundError("runs", "a run and file that are kept", got, "see /runs")
    response = send_from_directory(folder, name)
    return access.allow_own_style(response) if name == names.PAGE else response


def links(path: str, run_id: str) -> dict[str, str]:
    """Where the files of a run are, by file name; `path` is the model's."""
    root = request.host_url.rstrip("/") + path
    files = {name: f"{root}/runs/{run_id}/{name}" for name in names.FILES}
    return {"dashboard": f"{root}/?run_id={run_id}"} | files


def _listed(path: str, row: dict[str, Any], kept: set[str]) -> dict[str, Any]:
    times = {name: row[name].isoformat() for name in ("started_at", "finished_at")}
    files = links(path, row["run_id"]) if row["run_id"] in kept else {}
    return row | times | {"links": files}
