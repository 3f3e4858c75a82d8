"""The HTTP interface of monitoring: what every model has, and what there is once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, current_app, request, send_from_directory
from msgspec import UNSET
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from lakehouse.errors import MonitoringError
from lakehouse.http import access, openapi, operations
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
from monitoring.watched import WatchedModel
from monitoring.web import metrics
from monitoring.web.models import (
    Health,
    Latest,
    ModelList,
    RunAnswer,
    RunLine,
    RunList,
    RunQuery,
    Warned,
    Watched,
)

RUN = Operation(
    "Start a run, or join the one in progress",
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


def of_model(model: WatchedModel) -> Blueprint:
    """Runs of one model and their files."""
    api = Blueprint(f"api {model.name.replace('.', '-')}", __name__, url_prefix=model.path)
    service = model.service

    @api.get("/run-monitoring")
    @operation(RUN)
    def run_monitoring(query: RunQuery) -> dict[str, object]:
        report = service.run(_request(query))
        return answer(report, links(model.path, report.run_id))

    @api.get("/runs")
    @operation(Operation("Runs, newest first", RunList, Latest))
    def runs(query: Latest) -> RunList:
        kept = set(service.output.runs())
        found = service.records.latest(query.limit)
        return RunList([_listed(model.path, row, kept) for row in found])

    @api.get("/runs/<run_id>/<name>")
    @operation(RUN_FILE)
    def run_file(run_id: str, name: str) -> Response:
        return _file(service, run_id, name)

    return api


def of_service(settings: Settings, models: Sequence[WatchedModel]) -> Blueprint:
    """What is said of the service as a whole."""
    api = Blueprint("service", __name__)

    @api.get("/models")
    @operation(Operation("The models that are watched, the first one first", ModelList))
    def known() -> ModelList:
        return ModelList(
            [Watched(model.name, model.scored.words.title, f"{model.path}/") for model in models]
        )

    @api.get("/health")
    @operation(
        Operation("Whether the service works", Health, errors={503: Health}, access="health")
    )
    def health() -> Response:
        latest = models[0].service.latest
        failures = [model.failure for model in models if model.failure is not None]
        found = Health(
            "failing" if failures else "ok",
            latest.run_id if latest else None,
            settings.api.token is not None,
            "; ".join(failures) or UNSET,
        )
        return operations.as_json(found, 503 if failures else 200)

    @api.get("/metrics")
    @operation(Operation("Figures for Prometheus", media="text/plain", access="metrics"))
    def figures() -> Response:
        content = generate_latest(metrics.registry(models))
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


def links(path: str, run_id: str) -> dict[str, str]:
    """Where the files of a run are, by file name; `path` is the model's."""
    root = request.host_url.rstrip("/") + path
    files = {name: f"{root}/runs/{run_id}/{name}" for name in names.FILES}
    return {"dashboard": f"{root}/?run_id={run_id}"} | files


def _listed(path: str, row: dict[str, Any], kept: set[str]) -> RunLine:
    files = links(path, row["run_id"]) if row["run_id"] in kept else {}
    return RunLine(**row, links=files)
