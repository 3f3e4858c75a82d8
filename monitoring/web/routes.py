"""The HTTP interface of monitoring."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, send_from_directory, url_for
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from lakehouse.errors import MonitoringError
from lakehouse.http import access, openapi
from lakehouse.http.operations import Error, Operation, operation
from lakehouse.http.requests import InvalidRequestError
from lakehouse.settings import Settings
from monitoring.chunks import Period
from monitoring.errors import NotFoundError
from monitoring.monitor import Request
from monitoring.output import folder as folders
from monitoring.output import names
from monitoring.report import answer
from monitoring.service import Service
from monitoring.web import metrics
from monitoring.web.models import (
    Health,
    Latest,
    RunAnswer,
    RunLine,
    RunList,
    RunQuery,
    Warned,
)

RUN = Operation(
    "Make a run, or join it",
    (RunAnswer, Warned),
    RunQuery,
    errors={404: Error, 409: Error},
    acts=True,
)
RUN_FILE = Operation(
    "A file of a run",
    errors={404: Error},
    path={
        "run_id": {"type": "string", "pattern": folders.RUN_ID.pattern},
        "name": {"enum": list(names.FILES)},
    },
    media="*/*",
)


def blueprint(settings: Settings, service: Service) -> Blueprint:
    """All routes but those of the dashboard."""
    api = Blueprint("api", __name__)

    @api.get("/run-monitoring")
    @operation(RUN)
    def run_monitoring(query: RunQuery) -> dict[str, object]:
        report = service.run(_request(query))
        return answer(report, links(report.run_id))

    @api.get("/runs")
    @operation(Operation("Runs, newest first", RunList, Latest))
    def runs(query: Latest) -> RunList:
        kept = set(service.output.runs())
        return RunList([_listed(row, kept) for row in service.records.latest(query.limit)])

    @api.get("/runs/<run_id>/<name>")
    @operation(RUN_FILE)
    def run_file(run_id: str, name: str) -> Response:
        return _file(service, run_id, name)

    @api.get("/health")
    @operation(Operation("Whether the service works", Health, access="health"))
    def health() -> Health:
        latest = service.latest
        token_required = settings.api.token is not None
        return Health("ok", latest.run_id if latest else None, token_required)

    @api.get("/metrics")
    @operation(Operation("Figures for Prometheus", media="text/plain", access="metrics"))
    def figures() -> Response:
        content = generate_latest(metrics.registry(service))
        return Response(content, content_type=CONTENT_TYPE_LATEST)

    @api.get("/openapi.json")
    @operation(Operation("This document", dict[str, Any], access="open"))
    def document() -> dict[str, Any]:
        return openapi.document(current_app, "cdrlake monitoring", settings.api)

    return api


def _request(query: RunQuery) -> Request:
    try:
        period = None if query.period is None else Period.parse(query.period)
    except MonitoringError as error:
        raise InvalidRequestError(f"period must be {error.needed}, not {error.got}") from None
    return Request(query.start_date, query.end_date, query.model_version, period)


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


def _listed(row: dict[str, Any], kept: set[str]) -> RunLine:
    files = links(row["run_id"]) if row["run_id"] in kept else {}
    return RunLine(**row, links=files)
