"""The streaming jobs as a page for Prometheus, and a line per query in the log.

Drivers come and go; what their queries last did stays in the state folder and is read from there.
Usage: `jobs_page.py PORT [HOST]`.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lakehouse import progress
from lakehouse.clock import SystemClock
from lakehouse.domains import settings
from lakehouse.domains.settings import Settings
from lakehouse.http import access, answers, operations, server
from lakehouse.http.hosts import LOOPBACK
from lakehouse.http.operations import Operation, operation
from lakehouse.progress import QueryProgress

LOG = logging.getLogger("jobs")
LOG_S = 30.0
GAUGES: dict[str, tuple[str, Callable[[QueryProgress], float | None]]] = {
    "running": ("1 while the query runs", lambda query: query.state == "running"),
    "report_timestamp_seconds": ("When it last reported", lambda query: query.at.timestamp()),
    "batch_seconds": ("Duration of its last batch", lambda query: query.batch_seconds),
    "rows_per_second": ("Rows read per second of batch time", lambda query: query.rows_per_second),
    "lag_seconds": ("Since it was level with its source", lambda query: query.lag_seconds),
    "lag_messages": ("Kafka messages not read yet", lambda query: query.lag_offsets),
    "lag_versions": ("Versions of its table not read yet", lambda query: query.lag_versions),
    "quarantine_ratio": ("Share of bad messages", lambda query: query.quarantine_ratio),
}


class _Queries(Collector):
    def __init__(self, state: Path) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        queries = progress.read_queries(self._state)
        for name, (text, measure) in GAUGES.items():
            family = GaugeMetricFamily(f"cdrlake_query_{name}", text, labels=["query"])
            for query in queries:
                value = measure(query)
                if value is not None:
                    family.add_metric([query.query], float(value))
            yield family


def registry(state: Path) -> CollectorRegistry:
    """The metrics of all queries whose progress is below `state`."""
    found = CollectorRegistry(auto_describe=False)
    found.register(_Queries(state))
    return found


def create_app(loaded: Settings, host: str) -> Flask:
    """The service on `host`. Raises `SettingsError` if that is an open address without a token."""
    app, found = Flask(__name__), registry(loaded.state)
    access.guard(app, loaded.api, host, "HOST of jobs_page.py")
    answers.install(app, lambda _: None)

    @app.get("/metrics")
    @operation(Operation("Figures for Prometheus", media="text/plain", access="metrics"))
    def metrics() -> Response:
        return Response(generate_latest(found), content_type=CONTENT_TYPE_LATEST)

    @app.get("/health")
    @operation(Operation("Whether the service runs", dict[str, str], access="health"))
    def health() -> dict[str, str]:
        return {"status": "ok"}

    operations.install(app)
    return app


def serve(port: int, host: str, loaded: Settings, stop: threading.Event) -> None:
    """Serve the page, and write to the log, until `stop`."""
    clock = SystemClock()
    with server.serving(create_app(loaded, host), host, port):
        while not clock.wait(stop, LOG_S):
            for query in progress.read_queries(loaded.state):
                LOG.info("%s %s: %.0f s behind", query.query, query.state, query.lag_seconds)


def main(port: int, host: str = LOOPBACK[0]) -> int:
    """Serve on `port` of `host`, this machine only by default, until SIGTERM or Ctrl-C.

    Returns 0 then, or 1 if the service cannot start.
    """
    return server.run(settings.load, partial(serve, port, host))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
