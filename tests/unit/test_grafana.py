"""Dashboard, alarms and scrape targets speak of metrics and hosts that exist."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from prometheus_client import CollectorRegistry

from flaskapp import metrics as simulator
from lakehouse.domains.cdr import names
from lakehouse.progress import QueryProgress, write_query
from monitoring.web import metrics as monitoring

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads(
    (ROOT / "conf" / "grafana" / "dashboards" / "cdrlake.json").read_text(encoding="utf-8")
)
ALERTS = yaml.safe_load((ROOT / "conf" / "alerts.yml").read_text(encoding="utf-8"))
RULES = ALERTS["groups"][0]["rules"]
# What Prometheus adds itself, and what Spark 4.2's master shows with the options in compose.
FOREIGN = {"up", "metrics_master_aliveWorkers_Value"}
METRIC = re.compile(r"\b(?:up|cdrlake_\w+|metrics_\w+)\b")
MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


def expressions() -> list[str]:
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return found + [rule["expr"] for rule in RULES]


def names_of(registry: CollectorRegistry) -> set[str]:
    return {sample.name for metric in registry.collect() for sample in metric.samples}


class Rows:
    """A cursor of a database that has sent one stream."""

    def execute(self, *_: object) -> None:
        """Accept any statement."""

    def fetchone(self) -> tuple[int, int]:
        return 3, 1_000_000

    def fetchall(self) -> list[tuple[str, int, int]]:
        return [("live", 5, 0)]

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


@contextmanager
def database(_settings: object) -> Iterator[Any]:
    yield SimpleNamespace(cursor=Rows)


@pytest.fixture
def exposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every sample name that the services show."""
    jobs = runpy.run_path(str(ROOT / "docker" / "jobs_page.py"))
    monkeypatch.setattr("flaskapp.metrics.mysql.connect", database)
    relay = SimpleNamespace(status=SimpleNamespace(published=1, error=None))
    runner = SimpleNamespace(is_running=True)
    parts = SimpleNamespace(relay=relay, runner=runner, settings=SimpleNamespace(mysql=None))
    write_query(
        tmp_path,
        QueryProgress(
            "job__table_v1", "running", MOMENT, lag_offsets=1, lag_versions=1, quarantine_ratio=0.0
        ),
    )
    report = SimpleNamespace(
        started_at=MOMENT,
        finished_at=MOMENT,
        model_version=1,
        rows=2,
        labelled=1,
        verdicts={},
        performance=SimpleNamespace(realised={"f1": 0.5}, estimated={}),
        labels=SimpleNamespace(recent=0.1, reference=0.1),
        columns=[SimpleNamespace(name="calls", limit_ratio=1.0)],
    )
    service = SimpleNamespace(latest=report)
    model = SimpleNamespace(name="churn", service=service, failure=None)
    return (
        FOREIGN
        | names_of(simulator.registry(cast(Any, parts)))
        | names_of(monitoring.registry([cast(Any, model)]))
        | names_of(jobs["registry"](tmp_path))
    )


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_that_is_drawn_or_watched_is_exposed(
    expression: str, exposed: set[str]
) -> None:
    used = set(METRIC.findall(expression))
    assert used
    assert used <= exposed


def test_every_metric_of_the_services_is_drawn(exposed: set[str]) -> None:
    drawn = {name for expression in expressions() for name in METRIC.findall(expression)}
    quiet = {name for name in exposed - drawn if not name.endswith("_created")}
    assert quiet <= {"cdrlake_streaming", "cdrlake_relay_degraded"}


def test_panels_have_their_own_ids_a_title_a_meaning_and_the_provisioned_source() -> None:
    folder = ROOT / "conf" / "grafana" / "provisioning"
    source = yaml.safe_load(
        (folder / "datasources" / "prometheus.yml").read_text(encoding="utf-8")
    )["datasources"][0]
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) >= 12
    for panel in panels:
        assert panel["title"] and panel["description"]
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_grafana_finds_the_dashboards_where_compose_mounts_them() -> None:
    provider = ROOT / "conf" / "grafana" / "provisioning" / "dashboards" / "cdrlake.yml"
    path = yaml.safe_load(provider.read_text(encoding="utf-8"))["providers"][0]["options"]["path"]
    mounts = [mount.split(":") for mount in COMPOSE["services"]["grafana"]["volumes"]]
    assert ["./conf/grafana/dashboards", path, "ro"] in mounts


def test_targets_are_services_of_the_compose_file_at_their_ports() -> None:
    scrapes = yaml.safe_load((ROOT / "conf" / "prometheus.yml").read_text(encoding="utf-8"))
    for scrape in scrapes["scrape_configs"]:
        (target,) = scrape["static_configs"][0]["targets"]
        host, port = target.split(":")
        ports = COMPOSE["services"][host]["ports"]
        assert any(published.endswith(f":{port}") for published in ports), target


def test_an_alarm_of_silence_rings_where_nothing_was_ever_said(exposed: set[str]) -> None:
    rings = {rule["alert"]: rule["expr"] for rule in RULES if "absent(" in rule["expr"]}
    assert set(rings) == {"MonitoringSilent", "NothingScores"}
    for expression in rings.values():
        (missing,) = re.findall(r"absent\((\w+)", expression)
        assert missing in exposed
    pattern = re.search(r'query=~"(.*?)"', rings["NothingScores"])
    assert pattern and re.fullmatch(pattern[1], names.SCORE.name)


def test_every_alarm_is_explained() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for rule in RULES:
        assert f"### {rule['alert']}" in text
