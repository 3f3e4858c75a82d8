"""Monitoring knows no domain: it watches whatever is declared as scored, several at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from lakehouse.clock import FixedClock
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.errors import SettingsError
from monitoring.models import Registry
from monitoring.report import Report
from monitoring.site import sites
from monitoring.wiring import Parts, wire
from tests.integration import monitoring_data as made
from tests.integration import toy
from tests.integration.toy import ANALYSIS, OVERHEATING, ToyRegistry

HOURS = 8
BASE = f"/models/{OVERHEATING.model}"
NOW = datetime(2026, 6, 2, 8, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return made.settings_in(tmp_path_factory.mktemp("installation"))


@pytest.fixture(scope="module")
def parts(settings: Settings) -> Parts:
    """Eight hours of measurements, the last two of them hotter, and half an hour of a ninth."""
    toy.append(settings, toy.rows(ANALYSIS, HOURS - 2), NOW)
    toy.append(settings, toy.rows(ANALYSIS + timedelta(hours=6), 2, more_heat=2.0), NOW)
    toy.append(settings, toy.rows(ANALYSIS + timedelta(hours=8), 1).head(200), NOW)
    known: dict[str, Registry] = {
        CHURN.model: made.FakeRegistry(number=None),
        OVERHEATING.model: ToyRegistry(),
    }
    return wire(settings, FixedClock(NOW), [CHURN, OVERHEATING], lambda scored: known[scored.model])


def test_a_timestamp_is_cut_by_hours_and_the_hour_under_way_is_not_judged(
    parts: Parts, settings: Settings
) -> None:
    body = parts.app.test_client().get(f"{BASE}/run-monitoring").get_json()
    assert (body["model"], body["period"]) == (OVERHEATING.model, "1H")
    file = settings.output / "models" / OVERHEATING.model / "latest" / "report.json"
    report = msgspec.json.decode(file.read_bytes(), type=Report)
    keys = [chunk.values.key for chunk in report.chunks]
    assert (keys[0], keys[-1], len(keys)) == ("2026-06-02 00:00", "2026-06-02 08:00", HOURS + 1)
    assert [chunk.verdict.complete for chunk in report.chunks] == [True] * HOURS + [False]
    assert (report.start_date, report.rows) == ("2026-06-02T00:00:00Z", HOURS * 400 + 200)
    assert report.verdicts["data_drift"] == "found"
    assert report.findings[0].since == "2026-06-02T06:00:00Z"
    realised, reference = report.performance.realised, report.performance.reference
    assert realised["roc_auc"] > 0.7
    assert 0.1 < realised["recall_top_decile"] < reference["recall_top_decile"] + 0.2 < 1.2
    page = file.with_name("report.html").read_text(encoding="utf-8")
    assert "Overheating" in page and "Overheated:" in page and "Chunks are hours" in page
    assert "Recall in the top decile" in page and "PR-AUC" in page


@pytest.mark.parametrize(
    ("period", "status", "chunks"),
    [("D", 200, 1), ("2H", 200, 5), ("500", 200, 7), ("30min", 400, 0)],
)
def test_periods_that_the_buckets_allow(
    parts: Parts, period: str, status: int, chunks: int
) -> None:
    client = parts.app.test_client()
    answer = client.get(f"{BASE}/run-monitoring?period={period}")
    assert answer.status_code == status
    if status == 200:
        report = client.get(answer.get_json()["links"]["report.json"]).get_json()
        assert len(report["chunks"]) == chunks
    else:
        assert "a multiple of 60 minutes" in answer.get_json()["error"]


def test_each_model_has_its_own_routes_runs_and_gauges(parts: Parts, settings: Settings) -> None:
    client = parts.app.test_client()
    client.get(f"{BASE}/run-monitoring")
    assert client.get("/models").get_json()["models"] == [
        {"model": CHURN.model, "title": "Churn", "path": "/"},
        {"model": OVERHEATING.model, "title": "Overheating", "path": f"{BASE}/"},
    ]
    assert client.get("/run-monitoring").status_code == 503, "the first model has no champion"
    assert client.get("/runs").get_json()["runs"] == []
    run = client.get(f"{BASE}/runs").get_json()["runs"][0]
    assert client.get(run["links"]["report.html"]).status_code == 200
    assert client.get(f"{BASE}/").status_code == 200
    assert client.get("/report.json").status_code == 404
    text = client.get("/metrics").get_data(as_text=True)
    assert f'cdrlake_monitoring_model_version{{model="{OVERHEATING.model}"}} 1.0' in text
    assert not (settings.output / "latest").exists()


def test_the_other_pollers_state_is_its_own(parts: Parts, settings: Settings) -> None:
    _, other = parts.models
    assert other.poller.step()
    assert not other.poller.step()
    assert (settings.state / "monitoring" / "models" / other.name / "cursor.json").exists()


def test_a_poller_that_ended_makes_the_service_unhealthy(tmp_path: Path) -> None:
    parts = made.parts(made.settings_in(tmp_path))
    client = parts.app.test_client()
    assert client.get("/health").status_code == 200
    parts.poller.failure = RuntimeError("range end out of bounds")
    answer = client.get("/health")
    assert answer.status_code == 503
    assert "range end out of bounds" in answer.get_json()["reason"]


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="names of their own"):
        sites(made.settings_in(tmp_path), [CHURN, CHURN])
