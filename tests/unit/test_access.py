"""A service without a token is for this machine only."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import flaskapp.__main__ as simulator
import monitoring.__main__ as monitor
from lakehouse.access import LOOPBACK, require_safe_address
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings
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
