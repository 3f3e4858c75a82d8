"""Figures for Prometheus, taken from each model's last run on the present."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitoring.analysis.findings import FindingName
from monitoring.report import Report
from monitoring.watched import WatchedModel

NAMES: tuple[FindingName, ...] = get_args(FindingName)


class _LastRuns(Collector):
    def __init__(self, models: Sequence[WatchedModel]) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        reports = {model.name: model.service.latest for model in self._models}
        known = {name: report for name, report in reports.items() if report is not None}
        yield from _metrics(known) if known else ()


def registry(models: Sequence[WatchedModel]) -> CollectorRegistry:
    """The metrics of one service; the label `model` says which one."""
    found = CollectorRegistry(auto_describe=False)
    found.register(_LastRuns(models))
    return found


def _metrics(reports: dict[str, Report]) -> Iterator[Metric]:
    plain: tuple[tuple[str, str, Callable[[Report], float]], ...] = (
        ("last_run_timestamp_seconds", "End of the last run",
         lambda report: report.finished_at.timestamp()),
        ("last_run_seconds", "Duration of the last run",
         lambda report: (report.finished_at - report.started_at).total_seconds()),
        ("model_version", "Model version of the run", lambda report: report.model_version),
        ("rows", "Predictions in the run", lambda report: report.rows),
        ("labelled_rows", "Predictions with a known outcome", lambda report: report.labelled),
    )  # fmt: skip
    for name, text, value in plain:
        family = _family(name, text)
        for model, report in reports.items():
            family.add_metric([model], value(report))
        yield family
    found = _family("finding", "1 while a finding holds", "finding")
    means = GaugeMetricFamily(
        "cdrlake_performance", "Mean over chunks", labels=["model", "kind", "metric"]
    )
    drift = _family("drift_strength", "Latest distance as a factor of its limit", "column")
    for model, report in reports.items():
        for name in NAMES:
            found.add_metric([model, name], float(report.verdicts.get(name) == "found"))
        for kind in ("realised", "estimated"):
            for metric, value in getattr(report.performance, kind).items():
                means.add_metric([model, kind, metric], value)
        if report.labels is not None:
            means.add_metric([model, "realised", "label_rate"], report.labels.recent)
        for column in report.columns:
            drift.add_metric([model, column.name], column.limit_ratio)
    yield from (found, means, drift)


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"cdrlake_monitoring_{name}", text, labels=["model", *labels])
