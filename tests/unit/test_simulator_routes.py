"""The pages of the simulator ask for paths that it has, with the sources of all domains."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import RequestRedirect

from flaskapp.app import create_app
from flaskapp.domains import sources
from flaskapp.parts import assemble
from lakehouse.clock import SystemClock
from lakehouse.domains import DOMAINS
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT

ROWS = re.compile(r'data-rows="(/[^"]*)"')
# The policy of the service lets no browser apply or run these.
INLINE = re.compile(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", re.IGNORECASE)
PATHS = re.compile(r'(?:href|src|data-rows|data-replay)="(/[^"#?]*)')


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    settings, clock = Settings(state_dir=str(tmp_path)), SystemClock()
    found = sources(settings, clock)
    return create_app(assemble(settings, clock, found, threading.Event(), DOMAINS))


def pages(app: Flask) -> list[str]:
    return ["/", "/home", *(f"/{one.name}/" for one in DOMAINS if f"/{one.name}/" in known(app))]


def known(app: Flask) -> set[str]:
    return {str(rule) for rule in app.url_map.iter_rules()}


def has(app: Flask, path: str) -> bool:
    try:
        app.url_map.bind("localhost").match(path, method="GET")
    except RequestRedirect:
        return True
    except Exception:
        return False
    return True


def test_every_path_that_a_page_names_is_there(app: Flask) -> None:
    answers = {page: app.test_client().get(page) for page in pages(app)}
    assert {answer.status_code for answer in answers.values()} == {200}
    asked = {(page, path) for page in answers for path in PATHS.findall(answers[page].text)}
    assert {path for _, path in asked} >= {"/fraud/predictions", "/clicks/windows", "/data"}
    assert [(page, path) for page, path in sorted(asked) if not has(app, path)] == []


def test_what_the_documentation_names_is_there(app: Flask) -> None:
    assert {"/segments/cards", "/clicks/pipeline", "/clicks/windows"} <= known(app)


def test_the_rows_of_every_page_can_be_limited(app: Flask) -> None:
    """As the page does it; a limit that is out of bounds is refused before anything is read."""
    client = app.test_client()
    asked = {path for page in pages(app) for path in ROWS.findall(client.get(page).text)}
    assert len(asked) >= 4
    answers = {path: client.get(path, query_string={"limit": 0}) for path in sorted(asked)}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(
        asked, 400
    )
    assert [path for path, answer in answers.items() if "takes none" in answer.text] == []


def test_no_page_holds_a_style_or_script_of_its_own(app: Flask) -> None:
    for template in (ROOT / "flaskapp").rglob("*.html"):
        if template.name != "drift.html":  # a report, with a policy that lets it have one
            assert INLINE.findall(template.read_text(encoding="utf-8")) == [], template
