"""The dashboard, and the data that only it asks for."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, jsonify, send_from_directory

from lakehouse import ledger, progress
from lakehouse.background import Background
from lakehouse.clock import Clock
from lakehouse.domains.cdr import CDR
from lakehouse.ledger import Ledger
from lakehouse.settings import Settings
from monitoring.errors import NotFoundError
from monitoring.output import folder, names
from monitoring.score_watcher import ScoreWatcher
from monitoring.service import Service

LEDGER_AGE_S = 2.0


def blueprint(settings: Settings, service: Service, watch: ScoreWatcher, clock: Clock) -> Blueprint:
    """The page and its data."""
    pages = Blueprint("pages", __name__)
    counts = Background(lambda: ledger.snapshot(settings, CDR), Ledger(()), clock, LEDGER_AGE_S)

    @pages.get("/")
    def index() -> Response:
        return current_app.send_static_file("index.html")

    @pages.get("/report.json")
    def latest_report() -> Response:
        latest = service.output.root / folder.LATEST
        if not (latest / names.REPORT).exists():
            raise NotFoundError("report", "a run", "none yet", "GET /run-monitoring")
        return send_from_directory(latest, names.REPORT)

    @pages.get("/pipeline")
    def pipeline() -> Response:
        notices = [f"{notice.at:%H:%M} UTC: {notice.text}" for notice in watch.notices]
        return jsonify(_pipeline(settings, counts.get()) | {"notices": notices})

    return pages


def _pipeline(settings: Settings, counts: Ledger) -> dict[str, Any]:
    """Counts at every station, and how far each streaming query is behind."""
    queries = progress.read_queries(settings.state)
    phase = progress.read_pipeline(settings.state)
    return {
        "ledger": counts.as_dict(),
        "phase": msgspec.to_builtins(phase),
        "queries": [msgspec.to_builtins(query) for query in queries],
    }
