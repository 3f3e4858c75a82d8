"""Figures for Prometheus, taken from the last run on the present."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitoring.analysis.findings import FindingName
from monitoring.report import Report
from monitoring.service import Service

NAMES: tuple[FindingName, ...] = get_args(FindingName)


class _LastRun(Collector):
    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        report = self._service.latest
        if report is not None:
            yield from _metrics(report)


def registry(service: Service) -> CollectorRegistry:
    """The metrics of one service."""
    found = CollectorRegistry(auto_describe=False)
    found.register(_LastRun(service))
    return found


def _metrics(report: Report) -> Iterator[Metric]:
    took = (report.finished_at - report.started_at).total_seconds()
    yield _gauge("last_run_timestamp_seconds", "End of the last run",
                 report.finished_at.timestamp())  # fmt: skip
    yield _gauge("last_run_seconds", "Duration of the last run", took)
    yield _gauge("model_version", "Model version looked at", report.model_version)
    yield _gauge("rows", "Predictions looked at", report.rows)
    yield _gauge("labelled_rows", "Predictions with a known outcome", report.labelled)
    found = _family("finding", "1 while a finding holds", "finding")
    for name in NAMES:
        found.add_metric([name], float(report.verdicts.get(name) == "found"))
    yield found
    means = GaugeMetricFamily("cdrlake_performance", "Mean over chunks", labels=["kind", "metric"])
    for kind in ("realised", "estimated"):
        for metric, value in getattr(report.performance, kind).items():
            means.add_metric([kind, metric], value)
    if report.labels is not None:
        means.add_metric(["realised", "label_rate"], report.labels.recent)
    yield means
    drift = _family("drift_strength", "Latest distance as a factor of its limit", "column")
    for column in report.columns:
        drift.add_metric([column.name], column.strength)
    yield drift


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"cdrlake_monitoring_{name}", text, value)


def _family(name: str, text: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"cdrlake_monitoring_{name}", text, labels=[label])
