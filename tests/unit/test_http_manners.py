"""Every route of every service with every method: who may call it, and how errors look."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask
from pydantic import SecretStr
from werkzeug.test import TestResponse

import monitoring.web.app as monitoring
from flaskapp.app import create_app
from flaskapp.domains import sources
from flaskapp.parts import assemble
from lakehouse import ledger
from lakehouse.clock import SystemClock
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.http import operations
from lakehouse.ledger import Ledger
from monitoring.errors import NotReadyError
from monitoring.output.folder import OutputFolder
from monitoring.watched import WatchedModel

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PAGES = {"/home", "/fraud/", "/clicks/", "/segments/"}
OPEN = {"/", "/health", "/services", "/openapi.json"} | PAGES
SERVICES = ("simulator", "monitoring")
TOKEN = "a-token"
RUNS: list[str] = []


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for servers that are away."""
    monkeypatch.setattr(ledger, "snapshot", lambda _settings: Ledger(()))


def settings(folder: Path, token: str | None = None, **api: Any) -> Settings:
    """An installation whose servers are away."""
    usual = Settings(state_dir=str(folder))
    return usual.model_copy(
        update={
            "mysql": usual.mysql.model_copy(update={"port": 1}),
            "kafka": usual.kafka.model_copy(update={"port": 1}),
            "api": usual.api.model_copy(
                update={"token": SecretStr(token) if token else None, **api}
            ),
        }
    )


def service(name: str, made: Settings) -> Flask:
    clock = SystemClock()
    if name == "simulator":
        return create_app(assemble(made, clock, sources(made, clock), threading.Event()))

    def run(_request: Any) -> Any:
        RUNS.append("run")
        raise NotReadyError("registry", "a champion", "none", "train a model first")

    parts = SimpleNamespace(
        run=run,
        output=OutputFolder(made.state),
        latest=None,
        records=SimpleNamespace(latest=lambda _limit: []),
    )
    model = WatchedModel(
        CHURN,
        "",
        cast(Any, parts),
        cast(Any, SimpleNamespace(notices=())),
        cast(Any, SimpleNamespace(failure=None)),
    )
    return monitoring.create_app(made, [model], clock)


def addresses(app: Flask) -> Iterator[tuple[str, set[str], operations.Operation | None]]:
    """An address for every rule, its methods, and what it declares."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "nothing", rule.rule)
        yield path, set(rule.methods or ()), operations.of(app, rule.endpoint)


def is_error(answer: TestResponse) -> bool:
    """Whether an answer is an error as all are; without the body, for HEAD has none."""
    if answer.mimetype != "application/json":
        return False
    return answer.request.method == "HEAD" or set(answer.get_json()) in (
        {"error"},
        {"status", "problem", "database", "relay", "backlog", "streaming", "token_required"},
    )


@pytest.mark.parametrize("name", SERVICES)
def test_every_route_answers_every_method_in_its_manner(name: str, tmp_path: Path) -> None:
    app = service(name, settings(tmp_path))
    found = list(addresses(app))
    assert len(found) >= 11
    for path, methods, declared in found:
        for method in METHODS:
            answer = app.test_client().open(path, method=method)
            where = f"{method} {path}: {answer.status}"
            if method == "OPTIONS":
                assert answer.status_code == 204, where
                assert (answer.data, answer.mimetype) == (b"", None), where
                assert set(answer.headers["Allow"].split(", ")) == methods, where
            elif method not in methods:
                assert answer.status_code == 405 and is_error(answer), where
                assert set(answer.headers["Allow"].split(", ")) == methods, where
            elif answer.status_code >= 400:
                assert answer.status_code in (404, 409, 503) and is_error(answer), where
            else:
                assert declared is not None and answer.mimetype == declared.media, where


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_acts_on_a_request_for_headers(name: str, tmp_path: Path) -> None:
    app = service(name, settings(tmp_path))
    acting = [(path, methods) for path, methods, one in addresses(app) if one and one.acts]
    assert acting
    RUNS.clear()
    for path, methods in acting:
        assert "HEAD" not in methods
        for method in ("HEAD", "OPTIONS", "TRACE"):
            app.test_client().open(path, method=method)
    assert RUNS == []


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("method", METHODS)
def test_an_address_that_is_not_there_is_404_in_json(
    name: str, method: str, tmp_path: Path
) -> None:
    answer = service(name, settings(tmp_path)).test_client().open("/nowhere", method=method)
    assert answer.status_code == 404 and is_error(answer)


@pytest.mark.parametrize("name", SERVICES)
def test_with_a_token_nothing_but_the_open_is_told_without_it(name: str, tmp_path: Path) -> None:
    app = service(name, settings(tmp_path, TOKEN, open_metrics=False))
    opened = set()
    for path, methods, declared in addresses(app):
        for method in methods - {"OPTIONS"}:
            for header in (None, "Bearer wrong", "Bearer", f"Basic {TOKEN}", TOKEN):
                headers = {"Authorization": header} if header else {}
                answer = app.test_client().open(path, method=method, headers=headers)
                if answer.status_code != 401:
                    opened.add(path)
                    continue
                assert is_error(answer)
                assert answer.headers["WWW-Authenticate"].lower() == "bearer"
                assert declared is not None
                right = {"Authorization": f"Bearer {TOKEN}"}
                answer = app.test_client().open(path, method=method, headers=right)
                assert answer.status_code != 401
    files = {"/static/nothing", "/shared/nothing"}
    pages = OPEN if name == "simulator" else OPEN - PAGES
    assert opened == pages | files


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("is_open", [False, True])
def test_health_and_metrics_are_open_by_setting(name: str, is_open: bool, tmp_path: Path) -> None:
    made = settings(tmp_path, TOKEN, open_health=is_open, open_metrics=is_open)
    client = service(name, made).test_client()
    for path in ("/health", "/metrics"):
        assert (client.get(path).status_code != 401) is is_open


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_name_that_was_made_to_lead_here_is_answered_nothing(
    name: str, token: str | None, tmp_path: Path
) -> None:
    app = service(name, settings(tmp_path, token))
    for path, methods, _ in addresses(app):
        for method in methods:
            headers = {"Host": "evil.test:5000", "Authorization": f"Bearer {TOKEN}"}
            answer = app.test_client().open(path, method=method, headers=headers)
            assert answer.status_code == 403 and is_error(answer), f"{method} {path}"


@pytest.mark.parametrize("name", SERVICES)
def test_no_page_of_another_site_has_an_effect(name: str, tmp_path: Path) -> None:
    app = service(name, settings(tmp_path))
    foreign = (
        {"Origin": "http://elsewhere.test"}, {"Origin": "null"}, {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    )  # fmt: skip
    for path, methods, declared in addresses(app):
        for method in methods - {"OPTIONS"} if declared and declared.acts else ():
            for headers in foreign:
                answer = app.test_client().open(path, method=method, headers=headers)
                assert answer.status_code == 403 and is_error(answer), f"{method} {path}"


@pytest.mark.parametrize("name", SERVICES)
def test_keys_that_a_route_does_not_know_are_refused(name: str, tmp_path: Path) -> None:
    app = service(name, settings(tmp_path))
    for path, methods, declared in addresses(app):
        for method in methods & {"GET", "POST"} if declared else ():
            answer = app.test_client().open(f"{path}?limt=5", method=method)
            assert answer.status_code == 400, f"{method} {path}"
            assert answer.get_json()["error"].startswith("limt is not a known key; ")


@pytest.mark.parametrize("name", SERVICES)
def test_the_description_is_made_of_the_routes(name: str, tmp_path: Path) -> None:
    app = service(name, settings(tmp_path, TOKEN, open_metrics=False))
    document = app.test_client().get("/openapi.json").get_json()
    described = {
        (re.sub(r"{\w+}", "nothing", path), method.upper())
        for path, one in document["paths"].items()
        for method in one
    }
    served = {
        (path, method)
        for path, methods, declared in addresses(app)
        for method in methods - {"HEAD", "OPTIONS"}
        if declared
    }
    assert described == served
    for path, methods in document["paths"].items():
        for one in methods.values():
            guarded = path not in OPEN
            assert ("401" in one["responses"]) is ("security" in one) is guarded
            assert all(
                "schema" in answer["content"]["application/json"]
                for code, answer in one["responses"].items()
                if code != "200"
            )
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_a_route_that_declares_nothing_is_not_served() -> None:
    app = Flask(__name__)
    app.get("/plain")(lambda: "here")
    with pytest.raises(TypeError, match="/plain"):
        operations.install(app)
