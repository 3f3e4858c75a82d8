"""The dashboard of each model, and the data that only it asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, send_from_directory

from lakehouse import progress
from lakehouse.background import Background
from lakehouse.clock import Clock
from lakehouse.http.operations import Error, Operation, operation
from lakehouse.ledger import Ledger
from lakehouse.settings import Settings
from monitoring.errors import NotFoundError
from monitoring.output import folder, names
from monitoring.report import Report
from monitoring.watched import WatchedModel
from monitoring.web.models import PageQuery, Pipeline

LEDGER_AGE_S = 2.0


Count = Callable[[], Ledger]


def no_counts() -> Ledger:
    """A ledger without stations, for a service that has no domain to count."""
    return Ledger(())


def ledger_counts(count: Count, clock: Clock) -> Background[Ledger]:
    """Counts at every station, asked for in the background and shared by all pages."""
    return Background(count, Ledger(()), clock, LEDGER_AGE_S)


def of_model(settings: Settings, model: WatchedModel, counts: Background[Ledger]) -> Blueprint:
    """The page of one model and its data."""
    name = f"pages {model.name.replace('.', '-')}"
    pages = Blueprint(name, __name__, url_prefix=model.path)

    @pages.get("/")
    @operation(Operation("The dashboard", query=PageQuery, media="text/html", access="open"))
    def index(query: PageQuery) -> Response:  # noqa: ARG001 the page's script reads it
        return current_app.send_static_file("index.html")

    @pages.get("/report.json")
    @operation(Operation("The latest report", Report, errors={404: Error}))
    def latest_report() -> Response:
        latest = model.service.output.root / folder.LATEST
        if not (latest / names.REPORT).exists():
            raise NotFoundError.sentence("There is no report yet; GET /run-monitoring makes one.")
        return send_from_directory(latest, names.REPORT)

    @pages.get("/pipeline")
    @operation(Operation("Counts and lags of the pipeline", Pipeline))
    def pipeline() -> Pipeline:
        notices = [f"{notice.at:%H:%M} UTC: {notice.text}" for notice in model.watcher.notices]
        return _pipeline(settings, counts.get(), notices)

    return pages


def _pipeline(settings: Settings, counts: Ledger, notices: list[str]) -> Pipeline:
    """Counts at every station, and how far each streaming query is behind."""
    queries = progress.read_queries(settings.state)
    phase: dict[str, Any] | None = msgspec.to_builtins(progress.read_pipeline(settings.state))
    reported = [msgspec.to_builtins(query) for query in queries]
    return Pipeline(counts.as_dict(), phase, reported, notices)
