"""`/segments`, the page for people, and `/segments/report.json`, what it shows."""

from __future__ import annotations

import threading

from flask import Blueprint, Response, render_template

from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.domains.segments import names
from lakehouse.domains.segments.domain import TYPES
from lakehouse.http.operations import Error, Operation, operation
from lakehouse.names import table_uri
from lakehouse.registry import Registry, open_registry
from lakehouse.settings import Settings
from monitoring.errors import NotReadyError
from monitoring.segments import charts
from monitoring.segments.compose import report
from monitoring.segments.report import SegmentsReport

_TABLES = (names.GOLD_SEGMENTS, names.BRONZE_PURCHASES)
# While purchases come in, both tables change with every batch; making a report takes seconds.
_LASTS_S = 30.0
Versions = tuple[int | None, ...]


class Reports:
    """The report as of the tables and the champion, made again when one of them has changed.

    One thread at a time makes it, and one report lasts for half a minute at least.
    """

    def __init__(self, settings: Settings, registry: Registry, clock: Clock) -> None:
        self._settings, self._registry, self._clock = settings, registry, clock
        self._lock = threading.Lock()
        self._made: tuple[float, Versions, SegmentsReport] | None = None

    def latest(self) -> SegmentsReport:
        """The report. Raises `NotReadyError` before there are segments."""
        with self._lock:
            now = self._clock.monotonic()
            if self._made is not None and now - self._made[0] < _LASTS_S:
                return self._made[2]
            versions = self._versions()
            if self._made is None or self._made[1] != versions:
                self._made = now, versions, self._report()
            return self._made[2]

    def _versions(self) -> Versions:
        options, lake = self._settings.lake_options, self._settings.lake_uri
        champion = self._registry.champion()
        tables = [store.version(table_uri(lake, name), options) for name in _TABLES]
        return (*tables, champion.number if champion else None)

    def _report(self) -> SegmentsReport:
        found = report(self._settings, self._registry)
        if found is None:
            raise NotReadyError(
                names.GOLD_SEGMENTS, "cards in segments", "none yet",
                "wait until the first models are trained",
            )  # fmt: skip
        return found


def blueprint(settings: Settings, clock: Clock) -> Blueprint:
    """The page and the report."""
    pages = Blueprint(
        "segments", __name__, url_prefix="/segments", template_folder="templates",
        static_folder="static", static_url_path="/static",
    )  # fmt: skip
    reports = Reports(settings, open_registry(settings, TYPES), clock)

    @pages.get("/")
    @operation(Operation("Segments of cards", media="text/html", errors={503: Error}))
    def page() -> Response:
        html = render_template("segments.html", report=reports.latest(), charts=charts)
        return Response(html, mimetype="text/html")

    @pages.get("/report.json")
    @operation(Operation("What the page of segments shows", SegmentsReport, errors={503: Error}))
    def figures() -> SegmentsReport:
        return reports.latest()

    return pages
