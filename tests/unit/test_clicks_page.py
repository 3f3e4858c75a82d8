"""The page of the SQL pipeline: figures, how far each step is, and the files with their plans."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from flask import Flask

from flaskapp.clicks import pipeline_page, traffic
from flaskapp.clicks.pipeline_page import Figures
from lakehouse import progress, sql_plans
from lakehouse.domains.clicks import names, world
from lakehouse.domains.settings import Settings
from lakehouse.http import operations, shared
from lakehouse.names import table_uri
from lakehouse.progress import QueryProgress
from lakehouse.settings.model import LakeSettings
from lakehouse.sql_plans import FilePlan

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
STREAM = {"domain": names.NAME, "users": 10, "bots": 0.5, "seed": 3, "first_id": 1_000}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(lake=LakeSettings(uri=str(tmp_path / "lake")), state_dir=str(tmp_path))


def page(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(pipeline_page, "_requests", lambda _: [STREAM])
    app = Flask("page")
    app.register_blueprint(shared.blueprint(settings))
    app.register_blueprint(pipeline_page.blueprint(settings))
    operations.install(app)
    return app.test_client().get(pipeline_page.PATH).get_data(as_text=True)


def test_before_anything_has_run_the_page_says_how_to_start_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = page(settings, monkeypatch)
    assert "cdrlake up --domain clicks" in shown
    assert 'class="figure">\u2013</p>' in shown


def test_figures_steps_and_files_are_shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = traffic.Traffic(users=10, bot_share=0.5, seed=3).crowd(1_000)
    bot = next(one for one in crowd if one.kind != "person")
    person = next(one for one in crowd if one.kind == "person")
    called = [str(bot.id), str(bot.id), str(bot.id), str(person.id), "99"]
    rows = pl.DataFrame({"user_id": [*called, "1"], "prediction": ["bot"] * 5 + ["user"]})
    rows.write_delta(table_uri(settings.lake_uri, names.RESULTS))
    ingest = QueryProgress(names.INGEST_EVENTS.name, "running", NOON, lag_offsets=7, rows=1_200)
    progress.write_query(settings.state, ingest)
    text = "SELECT 1 < 2 -- & more"
    sql_plans.write(settings.state, names.NAME, [FilePlan("a", text, "a: a stream", "Project")])

    shown = page(settings, monkeypatch)
    assert 'class="figure">6</p>' in shown and 'class="figure">5</p>' in shown
    assert 'class="figure">75.0%</p>' in shown and "3 of 4 windows" in shown
    assert "<td>7 messages, 0 s</td>" in shown and "1,200 rows" in shown
    assert "SELECT 1 &lt; 2 -- &amp; more" in shown
    assert "a: a stream" in shown and "Project" in shown


def test_visitors_of_others_do_not_count_for_precision() -> None:
    found = pipeline_page.figures(1, {"99": 1}, pipeline_page.crowds([STREAM, {"domain": "cdr"}]))
    assert (found, found.precision) == (Figures(1, 1, 0, 0), None)


def test_a_crowd_is_drawn_once_however_often_the_page_is_asked_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, kinds = list[tuple[Any, ...]](), world.kinds

    def counted(*asked: Any) -> list[world.Kind]:
        drawn.append(asked)
        return kinds(*asked)

    pipeline_page.crowd.cache_clear()
    monkeypatch.setattr(world, "kinds", counted)
    monkeypatch.setattr(world, "visitors", lambda *_: pytest.fail("all of them is drawn"))
    for _ in range(3):
        page(settings, monkeypatch)
    assert drawn == [(10, 0.5, 3)]
