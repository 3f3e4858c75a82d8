"""A run as the service answers it: files, figures, who may join it, what wakes it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from lakehouse import store
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import Settings
from lakehouse.names import MONITORING_RUNS, table_uri
from monitoring.monitor import Monitor, Request
from monitoring.output.names import FILES
from monitoring.report import SINGLE_CLASS, Report
from monitoring.score_watcher import ScoreWatcher
from monitoring.wiring import Parts
from tests.integration import monitoring_data as made
from tests.integration.monitoring_data import ANALYSIS_START, FakeRegistry

pytestmark = pytest.mark.usefixtures("fits_once")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return made.settings_in(tmp_path)


@pytest.fixture
def parts(settings: Settings) -> Parts:
    made.append(settings, made.rows(ANALYSIS_START, 4, seed=2))
    return made.parts(settings)


def test_a_run_leaves_files_a_row_and_an_answer(parts: Parts, settings: Settings) -> None:
    answer = parts.app.test_client().get("/run-monitoring")
    body = answer.get_json()
    assert answer.status_code == 200
    assert body["message"] == "Monitoring completed and saved."
    assert set(body["verdicts"]) == {"data_drift", "model_drift", "model_degradation"}
    for folder in ("", "latest", f"runs/{body['run_id']}"):
        files = {path.name for path in (settings.output / folder).iterdir() if path.is_file()}
        assert files == set(FILES)
    report = msgspec.json.decode((settings.output / "report.json").read_bytes(), type=Report)
    assert (report.schema_version, report.run_id) == (2, body["run_id"])
    page = (settings.output / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page and "https://" not in page and "data:image/png" in page
    rows = store.scan(table_uri(settings.lake_uri, MONITORING_RUNS)).collect()
    assert rows["run_id"].to_list() == [body["run_id"]]
    assert parts.app.test_client().get(body["links"]["drift_report.csv"]).status_code == 200


@pytest.mark.parametrize(
    "asked", ["start_date=2026-05-19&end_date=2026-05-20", "model_version=1", "period=W"]
)
def test_a_run_on_a_chosen_period_or_version_is_not_the_latest(
    parts: Parts, settings: Settings, asked: str
) -> None:
    client = parts.app.test_client()
    present = client.get("/run-monitoring").get_json()
    figures = client.get("/metrics").get_data(as_text=True)
    chosen = client.get(f"/run-monitoring?{asked}").get_json()
    assert client.get(chosen["links"]["report.html"]).status_code == 200
    for folder in ("", "latest"):
        for name in FILES:
            kept = (settings.output / "runs" / present["run_id"] / name).read_bytes()
            assert (settings.output / folder / name).read_bytes() == kept
    assert client.get("/metrics").get_data(as_text=True) == figures
    assert client.get("/health").get_json()["last_run"] == present["run_id"]
    rows = store.scan(table_uri(settings.lake_uri, MONITORING_RUNS)).collect()
    assert set(rows["run_id"]) == {present["run_id"], chosen["run_id"]}


def test_figures_outlive_the_process(parts: Parts, settings: Settings) -> None:
    client = parts.app.test_client()
    run_id = client.get("/run-monitoring").get_json()["run_id"]
    figures = client.get("/metrics").get_data(as_text=True)
    again = made.parts(settings).app.test_client()
    assert again.get("/metrics").get_data(as_text=True) == figures
    assert again.get("/health").get_json()["last_run"] == run_id


def test_labels_of_one_class_are_a_warning_and_the_rest_is_computed(settings: Settings) -> None:
    alone = made.rows(ANALYSIS_START, 3, seed=2).with_columns(pl.lit(0, pl.Int32).alias("label"))
    made.append(settings, alone)
    client = made.parts(settings).app.test_client()
    answer = client.get("/run-monitoring")
    assert answer.status_code == 200
    assert answer.get_json()["warning"] == SINGLE_CLASS
    assert "message" not in answer.get_json()
    assert answer.get_json()["performance"]["estimated"]["roc_auc"] > 0.5


def test_a_reference_of_one_class_is_the_known_warning(settings: Settings) -> None:
    made.append(settings, made.rows(ANALYSIS_START, 1, seed=2))
    nobody = made.reference().with_columns(pl.lit(0, pl.Int32).alias("label"))
    client = made.parts(settings, FakeRegistry(nobody)).app.test_client()
    answer = client.get("/run-monitoring")
    assert (answer.status_code, answer.get_json()["warning"]) == (200, SINGLE_CLASS)


def test_the_same_run_is_joined_and_another_is_told_to_wait(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, leave = threading.Event(), threading.Event()
    original = Monitor.run

    def slow(self: Monitor, request: Request, run_id: str) -> Report:
        entered.set()
        leave.wait(30)
        return original(self, request, run_id)

    monkeypatch.setattr(Monitor, "run", slow)
    answers: list[Any] = []

    def ask() -> None:
        answers.append(parts.app.test_client().get("/run-monitoring").get_json())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert entered.wait(30)
    other = parts.app.test_client().get("/run-monitoring?period=W")
    leave.set()
    for thread in threads:
        thread.join(60)
    assert other.status_code == 409
    assert len({answer["run_id"] for answer in answers}) <= 2, "who came in time joined"
    assert len(answers) == 4


def test_rows_of_the_same_day_and_a_new_table_wake_it(tmp_path: Path) -> None:
    settings = made.settings_in(tmp_path)
    polling = made.parts(settings).poller
    assert not polling.step(), "there is no table yet"
    made.append(settings, made.rows(ANALYSIS_START, 2, seed=2))
    assert polling.step()
    assert not polling.step()
    made.append(settings, made.rows(ANALYSIS_START, 1, per_day=150, seed=3))
    assert polling.step(), "same dates, new rows"
    uri = Path(table_uri(settings.lake_uri, names.PREDICTIONS))
    uri.rename(uri.with_name("gone"))
    assert not polling.step(), "the table is gone, the poller is not"
    made.append(settings, made.rows(ANALYSIS_START, 1, seed=4))
    assert polling.step()


def test_the_watch_sees_only_rows_scored_since_it_looked(tmp_path: Path) -> None:
    settings, clock = made.settings_in(tmp_path), made.clock()
    watch = ScoreWatcher(table_uri(settings.lake_uri, names.PREDICTIONS), "probability_1", clock)
    watch.look()
    made.append(settings, made.rows(ANALYSIS_START, 1, per_day=100))
    watch.look()
    for minute in range(1, 30):
        clock.advance(60)
        day = made.rows(ANALYSIS_START, 1, per_day=200, seed=minute)
        made.append(settings, day, at=clock.now())
        watch.look()
    assert not watch.notices
