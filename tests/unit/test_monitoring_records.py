"""The history of runs is bounded and each model has its own; new scores are read once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse import store
from lakehouse.clock import FixedClock
from lakehouse.domains.settings import Settings
from lakehouse.names import MONITORING_RUNS, table_uri
from monitoring import records
from monitoring.records import Records
from monitoring.report import Report
from monitoring.score_watcher import ScoreWatcher

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
KEPT, SLACK = 5, 2


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(records, "SLACK", SLACK)
    monkeypatch.setattr(records, "answer", lambda _report, _links: {})
    return Settings.model_validate(
        {
            "lake": {"uri": str(tmp_path / "lake")},
            "mysql": {"port": 1},
            "monitoring": {"kept_runs": KEPT},
        }
    )


def report(number: int, model: str) -> Report:
    at = NOW + timedelta(minutes=number)
    return cast(
        Report,
        SimpleNamespace(
            run_id=f"{model}-{number}", started_at=at, finished_at=at, model_version=1,
            period="D", verdicts={}, model=model,
        ),
    )  # fmt: skip


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["run_id"] for row in rows]


def test_old_runs_go_and_those_of_other_models_stay(settings: Settings) -> None:
    first, other = Records(settings, "a"), Records(settings, "b", is_first=False)
    other.add(report(0, "b"))
    for number in range(KEPT + SLACK + 1):
        first.add(report(number, "a"))
    newest = [f"a-{number}" for number in range(KEPT + SLACK, SLACK, -1)]
    assert ids(first.latest(100)) == newest
    assert ids(first.latest(2)) == newest[:2]
    assert ids(other.latest(100)) == ["b-0"]


def test_the_latest_of_many_runs_are_read_from_few_files(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_FILES", 3)
    many = settings.model_copy(
        update={"monitoring": settings.monitoring.model_copy(update={"kept_runs": 100})}
    )
    own = Records(many, "a")
    for number in range(10):
        own.add(report(number, "a"))
    table = DeltaTable(table_uri(settings.lake_uri, MONITORING_RUNS))
    assert len(table.file_uris()) <= 4
    assert ids(own.latest(100)) == [f"a-{number}" for number in reversed(range(10))]


def test_runs_from_before_models_had_names_are_those_of_the_first(settings: Settings) -> None:
    first = Records(settings, "a")
    first.add(report(1, "a"))
    uri = table_uri(settings.lake_uri, MONITORING_RUNS)
    old = store.scan(uri).drop("model").with_columns(run_id=pl.lit("old")).collect()
    write_deltalake(uri, old.to_arrow(), mode="overwrite", schema_mode="overwrite")
    other = Records(settings, "b", is_first=False)
    assert (ids(first.latest(9)), other.latest(9)) == (["old"], [])
    other.add(report(2, "b"))
    assert (ids(first.latest(9)), ids(other.latest(9))) == (["old"], ["b-2"])


@dataclass
class Detector:
    """Takes scores and finds nothing odd."""

    seen: list[float]

    def observe(self, scores: list[float], _minutes: float, _at: datetime) -> list[Any]:
        self.seen += scores
        return []


def test_scores_that_arrive_while_it_looks_are_seen_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, clock, detector = str(tmp_path / "table"), FixedClock(NOW), Detector([])
    monkeypatch.setattr("monitoring.score_watcher.OnlineDetector", lambda: detector)

    def score(*values: float) -> None:
        clock.advance(1)
        rows = pl.DataFrame({"risk": values}).with_columns(scored_at=pl.lit(clock.now()))
        feed = {"delta.enableChangeDataFeed": "true"}
        write_deltalake(uri, rows.to_arrow(), mode="append", configuration=feed)

    watcher = ScoreWatcher(uri, "risk", clock)
    score(0.1)
    watcher.look()
    known = store.changes

    def late(*arguments: Any) -> store.Changes:
        """The changes, before which another row is written and the moment noted has passed."""
        score(0.3)
        return known(*arguments)

    score(0.2)
    monkeypatch.setattr(store, "changes", late)
    watcher.look()
    monkeypatch.setattr(store, "changes", known)
    watcher.look()
    assert detector.seen == [0.2, 0.3]
    assert DeltaTable(uri).version() == 2
