"""Metrics for Prometheus, read from the database and the relay when they are scraped."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from flaskapp import outbox
from flaskapp.parts import Parts
from lakehouse import mysql, names
from lakehouse.errors import CdrlakeError

_SENT = (
    "SELECT mode, SUM(sent_rows), SUM(sent_outcomes) "  # noqa: S608
    f"FROM {names.MYSQL_STREAMS} GROUP BY mode"
)


class _Simulator(Collector):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        relay = self._parts.relay.status
        yield CounterMetricFamily(
            "cdrlake_relay_published", "Rows that Kafka has acknowledged", relay.published
        )
        yield GaugeMetricFamily(
            "cdrlake_relay_degraded", "1 while a server is away", relay.error is not None
        )
        yield GaugeMetricFamily(
            "cdrlake_streaming", "1 while a stream runs here", self._parts.runner.is_running
        )
        try:
            yield from self._of_database()
        except (CdrlakeError, mysql.Error):
            yield GaugeMetricFamily("cdrlake_database_up", "1 while the database answers", 0)

    def _of_database(self) -> Iterator[Metric]:
        with mysql.connect(self._parts.settings.mysql) as connection, connection.cursor() as cursor:
            rows, seconds = outbox.backlog(cursor)
            cursor.execute(_SENT)
            sent = CounterMetricFamily("cdrlake_sent", "Rows written", labels=["mode", "kind"])
            for mode, events, outcomes in cursor.fetchall():
                sent.add_metric([mode, "event"], float(events))
                sent.add_metric([mode, "outcome"], float(outcomes))
        yield sent
        yield GaugeMetricFamily("cdrlake_outbox_rows", "Rows that wait for Kafka", rows)
        yield GaugeMetricFamily("cdrlake_outbox_seconds", "Age of the oldest of them", seconds)
        yield GaugeMetricFamily("cdrlake_database_up", "1 while the database answers", 1)


def registry(parts: Parts) -> CollectorRegistry:
    """The metrics of one service."""
    found = CollectorRegistry(auto_describe=False)
    found.register(_Simulator(parts))
    return found
