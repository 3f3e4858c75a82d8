"""Every address of the schema registry: who may ask, and that errors are those of its clients."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from pydantic import SecretStr

from lakehouse.http import operations
from lakehouse.schema_registry.app import TYPE, create_app
from lakehouse.schema_registry.registry import SchemaRegistry
from lakehouse.settings import Settings
from lakehouse.settings.model import ApiSettings

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
TOKEN = "a-token"


class NoLog:
    """A registry that nobody has told anything."""

    def read(self, visit: Callable[[dict[str, Any]], None]) -> None:
        """There is nothing."""

    def append(self, entry: dict[str, Any]) -> None:
        raise AssertionError(f"{entry} was registered")


def registry(**api: Any) -> Flask:
    return create_app(Settings(api=ApiSettings(**api)), SchemaRegistry(NoLog()))


def addresses(app: Flask) -> Iterator[tuple[str, set[str], bool]]:
    """An address for each rule, the methods that it takes, and whether it has an effect."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
    assert len(rules) >= 10
    for rule in rules:
        declared = operations.of(app, rule.endpoint)
        assert declared is not None
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        yield path, set(rule.methods or ()), declared.acts


def calls(app: Flask) -> Iterator[tuple[str, str]]:
    """Every method that every address takes."""
    for path, methods, _ in addresses(app):
        for method in methods - {"OPTIONS"}:
            yield method, path


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_name_that_was_made_to_lead_here_is_answered_nothing(token: str | None) -> None:
    app = registry(token=SecretStr(token) if token else None)
    for method, path in calls(app):
        headers = {"Host": "evil.test:8081", "Authorization": f"Bearer {TOKEN}"}
        answer = app.test_client().open(path, method=method, headers=headers)
        assert answer.status_code == 403, f"{method} {path}"
        assert answer.content_type == TYPE


@pytest.mark.parametrize("is_open", [False, True])
def test_with_a_token_nothing_but_health_is_told_without_it(is_open: bool) -> None:
    app = registry(token=SecretStr(TOKEN), open_health=is_open)
    opened = set()
    for method, path in calls(app):
        for header in ({}, {"Authorization": "Bearer wrong"}):
            answer = app.test_client().open(path, method=method, headers=header)
            if answer.status_code == 401:
                assert answer.headers["WWW-Authenticate"].lower() == "bearer"
            else:
                opened.add(path)
        right = {"Authorization": f"Bearer {TOKEN}"}
        answer = app.test_client().open(path, method=method, headers=right)
        assert answer.status_code != 401, f"{method} {path}"
    assert opened == ({"/health"} if is_open else set())


def test_every_address_answers_every_method_in_its_manner() -> None:
    app, taken = registry(), dict[str, set[str]]()
    for path, methods, _ in addresses(app):
        taken.setdefault(path, set()).update(methods)
    for path, methods in taken.items():
        for method in METHODS:
            answer = app.test_client().open(path, method=method)
            where = f"{method} {path}: {answer.status}"
            if method == "OPTIONS":
                assert (answer.status_code, answer.data) == (204, b""), where
                continue
            assert answer.content_type == TYPE, where
            assert (answer.status_code == 405) is (method not in methods), where
            if answer.status_code == 405:
                assert set(answer.headers["Allow"].split(", ")) >= methods, where
            if answer.status_code >= 400 and method != "HEAD":
                assert set(answer.get_json()) == {"error_code", "message"}, where
                assert answer.status_code in (404, 405, 422), where


def test_no_page_of_another_site_has_an_effect() -> None:
    app = registry()
    for path, methods, acts in addresses(app):
        for method in methods & {"POST", "PUT"} if acts else ():
            headers = {"Origin": "http://elsewhere.test"}
            assert app.test_client().open(path, method=method, headers=headers).status_code == 403


def test_a_body_that_is_too_large_is_refused_as_its_clients_read_it() -> None:
    app = registry(max_body_kib=1)
    answer = app.test_client().post("/subjects/a/versions", data=b" " * 2_000)
    assert answer.status_code == 413
    assert answer.get_json()["error_code"] == 413


@pytest.mark.parametrize(
    "body",
    [b"[" * 20_000, b'{"schema": "' + b"[" * 20_000 + b'"}', b'{"schema": "{\\"type\\": 1}"}'],
    ids=["the body", "the schema", "no schema"],
)
@pytest.mark.parametrize(
    "path",
    ["/subjects/a/versions", "/subjects/a", "/compatibility/subjects/a/versions/latest"],
)
def test_what_cannot_be_read_is_refused_as_no_schema(body: bytes, path: str) -> None:
    class OneSubject(NoLog):
        def read(self, visit: Callable[[dict[str, Any]], None]) -> None:
            visit({"subject": "a", "version": 1, "id": 1, "schema": '"int"'})

    app = create_app(Settings(), SchemaRegistry(OneSubject()))
    answer = app.test_client().post(path, data=body)
    code = answer.get_json()["error_code"]
    is_found = path == "/subjects/a" and answer.status_code == 404
    assert is_found or (answer.status_code, code) == (422, 42201)
