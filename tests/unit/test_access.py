"""A service without a token is for this machine only."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from flask import Flask, Response

import flaskapp.__main__ as simulator
import monitoring.__main__ as monitor
from lakehouse.domains.settings import Settings
from lakehouse.errors import SettingsError
from lakehouse.http.access import LOOPBACK, allow_own_style, guard, require_safe_address
from lakehouse.settings.model import ApiSettings

Serve = Callable[[Settings, threading.Event], None]
OPEN = ("0.0.0.0", "192.168.1.5", "example.test")


@pytest.mark.parametrize("host", OPEN)
@pytest.mark.parametrize("section", ["simulator", "monitoring"])
def test_no_service_starts_on_an_open_address_without_a_token(section: str, host: str) -> None:
    serve: Serve = {"simulator": simulator.serve, "monitoring": monitor.serve}[section]
    part = getattr(Settings(), section).model_copy(update={"host": host})
    with pytest.raises(SettingsError, match=f"{section}.host.*{host}.*CDRLAKE_API_TOKEN"):
        serve(Settings().model_copy(update={section: part}), threading.Event())


def test_loopback_needs_no_token_and_a_token_opens_every_address() -> None:
    for host in LOOPBACK:
        require_safe_address(ApiSettings(), "simulator.host", host)
    for host in OPEN:
        require_safe_address(ApiSettings(token="a-token"), "simulator.host", host)


def guarded(api: ApiSettings) -> Flask:
    app = Flask(__name__)
    guard(app, api)
    app.get("/", endpoint="plain")(lambda: "here")
    app.get("/page", endpoint="page")(lambda: allow_own_style(Response("here")))
    return app


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:5000", 200),
        ("127.0.0.1:5000", 200),
        ("[::1]:5000", 200),
        ("evil.test", 403),
        ("evil.test:5000", 403),
        ("localhost.evil.test", 403),
        ("127.0.0.1.evil.test:5000", 403),
        ("localhost@evil.test", 403),
        ("0.0.0.0", 403),
        ("", 403),
    ],
)
def test_without_a_token_only_this_machine_s_own_names_are_answered(host: str, status: int) -> None:
    assert (
        guarded(ApiSettings()).test_client().get("/", headers={"Host": host}).status_code == status
    )


def test_with_a_token_any_name_is_answered() -> None:
    client = guarded(ApiSettings(token="a-token")).test_client()
    assert client.get("/", headers={"Host": "flaskapp:5000"}).status_code == 200


def test_a_page_with_its_style_within_may_use_that_and_nothing_else_more() -> None:
    client = guarded(ApiSettings()).test_client()
    plain, page = (client.get(path).headers["Content-Security-Policy"] for path in ("/", "/page"))
    assert "unsafe-inline" not in plain
    assert page == f"{plain}; style-src 'self' 'unsafe-inline'"
