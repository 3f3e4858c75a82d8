"""A service without a token is for this machine only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask, Response

import flaskapp.__main__ as simulator
import lakehouse.schema_registry.__main__ as registry
import monitoring.__main__ as monitor
from cdrlake.clicks import connector
from flaskapp.cards import investigate, source
from flaskapp.clicks import shop
from lakehouse.domains.settings import Settings
from lakehouse.errors import EXIT_PERMANENT, SettingsError
from lakehouse.http.access import allow_own_style, guard, require_safe_address
from lakehouse.http.hosts import LOOPBACK, is_known_host
from lakehouse.settings.model import ApiSettings
from lakehouse.settings.outside import ConnectSettings

Serve = Callable[[Settings, threading.Event], None]
OPEN = ("0.0.0.0", "192.168.1.5", "example.test")
SERVICES: dict[str, tuple[str, Serve]] = {
    "simulator": ("simulator", simulator.serve),
    "monitoring": ("monitoring", monitor.serve),
    "source of cards": ("cards", source.serve),
    "page of cards": ("cards", investigate.serve),
    "schema registry": ("schemas", registry.serve),
}


@pytest.mark.parametrize("host", OPEN)
@pytest.mark.parametrize("name", SERVICES)
def test_no_service_starts_on_an_open_address_without_a_token(
    name: str, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "KafkaLog", lambda _: SimpleNamespace(read=lambda _: None))
    section, serve = SERVICES[name]
    settings = Settings(state_dir=str(tmp_path))
    part = getattr(settings, section).model_copy(update={"host": host})
    stop = threading.Event()
    stop.set()
    with pytest.raises(SettingsError, match=f"{section}.host.*{host}.*CDRLAKE_API_TOKEN"):
        serve(settings.model_copy(update={section: part}), stop)


@pytest.mark.parametrize("host", OPEN)
def test_kafka_connect_does_not_start_on_an_open_address_without_a_token(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings().model_copy(update={"connect": ConnectSettings(host=host)})
    monkeypatch.setattr(connector, "load", lambda: settings)
    monkeypatch.setattr(shop, "prepare", lambda _: pytest.fail("it is to be refused"))
    with pytest.raises(SystemExit) as ended:
        connector.main()
    assert ended.value.code == EXIT_PERMANENT
    said = f"connect.host: expected a token for any address but loopback, but got {host}"
    assert said in capsys.readouterr().err


def test_an_application_is_not_even_made_for_an_open_address_without_a_token() -> None:
    with pytest.raises(SettingsError, match="CDRLAKE_API_TOKEN"):
        guard(Flask(__name__), ApiSettings(), "0.0.0.0")
    guard(Flask(__name__), ApiSettings(token="a-token"), "0.0.0.0")


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


HOSTS = [
    ("localhost", True, True),
    ("LOCALHOST:5000", True, True),
    ("127.0.0.1:5000", True, True),
    ("[::1]:5000", True, True),
    ("192.168.1.5:5000", False, True),
    ("[2001:db8::1]:5000", False, True),
    ("0.0.0.0", False, True),
    ("evil.test", False, False),
    ("evil.test:5000", False, False),
    ("localhost.evil.test", False, False),
    ("127.0.0.1.evil.test:5000", False, False),
    ("localhost@evil.test", False, False),
    ("", False, False),
]


@pytest.mark.parametrize(("host", "without_token", "with_token"), HOSTS)
def test_only_names_that_a_service_goes_by_are_answered(
    host: str, without_token: bool, with_token: bool
) -> None:
    """No name leads to an address in digits, so that one is safe where the token guards."""
    for api, is_known in ((ApiSettings(), without_token), (ApiSettings(token="t"), with_token)):
        answer = guarded(api).test_client().get("/", headers={"Host": host})
        assert answer.status_code == (200 if is_known else 403)


@pytest.mark.parametrize("token", [None, "a-token"])
def test_further_names_are_a_setting(token: str | None) -> None:
    api = ApiSettings(token=token, allowed_hosts=("Lake.example.test",))
    client = guarded(api).test_client()
    for host, status in (("lake.example.test:5000", 200), ("example.test", 403)):
        assert client.get("/", headers={"Host": host}).status_code == status


def test_the_address_that_a_service_listens_on_is_a_name_of_it() -> None:
    api = ApiSettings(token="a-token")
    assert is_known_host("lake.test:5000", api, own="lake.test")
    assert not is_known_host("lake.test:5000", api)


def test_a_page_with_its_style_within_may_use_that_and_nothing_else_more() -> None:
    client = guarded(ApiSettings()).test_client()
    plain, page = (client.get(path).headers["Content-Security-Policy"] for path in ("/", "/page"))
    assert "unsafe-inline" not in plain
    assert page == f"{plain}; style-src 'self' 'unsafe-inline'"
