"""Drift of card transactions: what is found, what is told, and where reports are read."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from flask import Flask

from cdrlake.cards import chores
from cdrlake.cards.drift import page
from flaskapp.cards import reports
from lakehouse.clock import SystemClock
from lakehouse.domains.cards import drift
from lakehouse.domains.cards.drift import GLOBAL, SOME, compare
from lakehouse.domains.settings import Settings
from lakehouse.errors import SourceError
from lakehouse.http import answers, operations

NAME = "data_drift_report_20261101_080000.html"


def sample(seed: int, rows: int = 500, **shift: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(size=rows) for name in ("amount", "hour", "km_from_home", "sum_1h")}
    found["category_code"] = rng.integers(0, 5, rows).astype(float)
    return {name: values + shift.get(name, 0.0) for name, values in found.items()}


def test_samples_of_the_same_world_rarely_differ() -> None:
    told = [compare(sample(seed), sample(seed + 1_000)).sentence for seed in range(60)]
    assert sum(one is not None for one in told) <= 8


def test_what_is_told_depends_on_how_many_features_drift() -> None:
    some = compare(sample(1), sample(2, amount=0.5))
    assert (some.drifted, some.sentence) == (("amount",), SOME)
    many = compare(sample(1), sample(2, amount=0.5, hour=0.5, km_from_home=0.5, category_code=1.0))
    assert many.sentence == GLOBAL == "ALERT: A global data drift detected!"
    assert "category_code" in many.drifted
    text = page(many, datetime(2026, 11, 1, tzinfo=UTC))
    assert GLOBAL in text and "amount" in text and "2026-11-01" in text


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    made = Flask(__name__)
    settings = Settings.model_validate({"state_dir": str(tmp_path)})
    made.register_blueprint(reports.blueprint(settings))
    answers.install(made, lambda _: None)
    operations.install(made)
    place = reports.folder(settings)
    place.mkdir(parents=True)
    (place / NAME).write_text(page(compare(sample(1), sample(2, hour=2.0)), drift_day()))
    (place / "data_drift_report_20269999_080000.html").write_text("no time")
    return made


def drift_day() -> datetime:
    return datetime(2026, 11, 1, 8, tzinfo=UTC)


def test_reports_are_listed_by_day_and_shown(app: Flask) -> None:
    client = app.test_client()
    listed = client.get("/get_reports").get_json()["reports"]
    assert [one["report_name"] for one in listed] == [NAME]
    assert client.get("/reports?date=2026-11-01").get_json()["reports"] == listed
    assert client.get("/reports?date=2026-11-02").get_json()["reports"] == []
    assert client.get("/reports").status_code == 400
    shown = client.get(f"/report/{listed[0]['id']}")
    assert drift.SOME in shown.get_data(as_text=True)
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert client.get("/report/../x").status_code == 404
    assert client.get("/report/20200101_000000").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("data_drift_report_20261102_120000.html", b"<h1>one</h1>", 200),
        ("../data_drift_report_20261102_120000.html", b"<h1>one</h1>", 400),
        ("data_drift_report_20261302_120000.html", b"<h1>one</h1>", 400),
        ("data_drift_report_20261102_120000.html", b"", 400),
        ("notes.txt", b"x", 400),
    ],
)
def test_a_report_may_be_uploaded_under_a_report_s_name(
    app: Flask, name: str, content: bytes, status: int
) -> None:
    client = app.test_client()
    answer = client.post("/upload", data={"file": (io.BytesIO(content), name)})
    assert answer.status_code == status
    assert len(client.get("/get_reports").get_json()["reports"]) == 1 + (status == 200)
    assert client.post("/upload").status_code == 400


@pytest.mark.parametrize(
    "error",
    [
        SourceError("a", "a file", "none", "try again"),
        OSError("no space left on device"),
        ZeroDivisionError("a fault of ours"),
    ],
    ids=repr,
)
def test_a_chore_that_fails_is_tried_again_and_holds_up_no_other(error: Exception) -> None:
    stop, done = threading.Event(), list[str]()

    def chore(name: str, fails: bool) -> Callable[[], str]:
        def work() -> str:
            done.append(name)
            if len(done) >= 6:
                stop.set()
            if fails:
                raise error
            return "done"

        return work

    both = {"a": (0.01, chore("a", True)), "b": (0.01, chore("b", False))}
    chores.repeat(both, SystemClock(), stop)
    assert done.count("a") >= 2 and done.count("b") >= 2
