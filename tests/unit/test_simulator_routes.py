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
