"""The streaming jobs as a page for Prometheus, and a line per query in the log.

Drivers come and go; what their queries last did stays in the state folder and is read from there.
Usage: `jobs_page.py PORT [HOST]`.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lakehouse import logs, progress
from lakehouse.clock import SystemClock
from lakehouse.domains import settings
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


def main(port: int, host: str = "127.0.0.1") -> int:
    """Serve `/metrics` on `port` of `host`, this machine only by default, until SIGTERM."""
    logs.configure()
    state, clock, stop = settings.load().state, SystemClock(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server, _ = start_http_server(port, host, registry=registry(state))
    while not clock.wait(stop, LOG_S):
        for query in progress.read_queries(state):
            LOG.info("%s %s: %.0f s behind", query.query, query.state, query.lag_seconds)
    server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
