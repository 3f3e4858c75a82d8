"""Metrics for Prometheus: per model, version and route."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from serving.rest.answers import Scored

# Set for the processes of a service that has several; prometheus_client reads it as well.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_DIFFERENCES = (0.0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """Counters of one process; `text` adds up those of all processes."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        requests = Counter(
            "cdrlake_serving_requests", "Requests by route and status", ["route", "status"],
            registry=self._registry,
        )  # fmt: skip
        seconds = Histogram(
            "cdrlake_serving_seconds", "From the last header of a request to its answer", ["route"],
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        records = Counter(
            "cdrlake_serving_records", "Records scored", ["model", "version", "route"],
            registry=self._registry,
        )  # fmt: skip
        shed = Counter(
            "cdrlake_serving_refused", "Rejected requests by reason", ["reason"],
            registry=self._registry,
        )  # fmt: skip
        differences = Histogram(
            "cdrlake_serving_shadow_difference",
            "How far the shadow's probability is from the champion's",
            ["model", "version", "shadow"], buckets=_DIFFERENCES, registry=self._registry,
        )  # fmt: skip
        disagreed = Counter(
            "cdrlake_serving_shadow_disagreed", "Records on which the shadow decides differently",
            ["model", "version", "shadow"], registry=self._registry,
        )  # fmt: skip
        self.log_dropped = Counter(
            "cdrlake_serving_log_dropped", "Predictions that did not fit into the log or were lost",
            registry=self._registry,
        )  # fmt: skip
        # Finding the child of a metric by its labels costs more than counting.
        self._requests = cache(requests.labels)
        self._seconds, self._records = cache(seconds.labels), cache(records.labels)
        self._shed = cache(shed.labels)
        self._differences, self._disagreed = cache(differences.labels), cache(disagreed.labels)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests(route, status).inc()
        self._seconds(route).observe(seconds)

    def answered_lot(self, route: str, seconds: list[float]) -> None:
        """Count answers of status 200."""
        self._requests(route, 200).inc(len(seconds))
        observe = self._seconds(route).observe
        for one in seconds:
            observe(one)

    def scored(self, model: str, version: int, route: str, records: int) -> None:
        """Count scored records."""
        self._records(model, version, route).inc(records)

    def shadowed(self, scored: Scored, shadow: Scored) -> None:
        """Note how far the shadow is from the answer."""
        who = (scored.model.name, scored.model.version, shadow.model.version)
        differences = np.abs(scored.scores.probability - shadow.scores.probability)
        observe = self._differences(*who).observe
        for difference in differences.tolist():
            observe(difference)
        others = int((scored.scores.prediction != shadow.scores.prediction).sum())
        self._disagreed(*who).inc(others)

    def refused(self, reason: str) -> None:
        """Count a request that was turned away."""
        self._shed(reason).inc()

    def text(self) -> bytes:
        """What Prometheus scrapes."""
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
