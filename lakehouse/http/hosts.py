"""Which host names a service goes by, and where it may listen; independent of any framework."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from lakehouse.errors import SettingsError
from lakehouse.settings.model import ApiSettings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
# What a browser says of a request by this very service's page, and by its user's own hand.
OWN_SITES = ("same-origin", "none")


def require_safe_address(has_token: bool, setting: str, host: str) -> None:
    """Raise `SettingsError` if a service without a token would be reachable from outside.

    `setting` is the name of the setting that holds `host`.
    """
    if not has_token and host not in LOOPBACK:
        raise SettingsError(
            f"setting {setting}",
            "a token for any address but loopback",
            host,
            "set CDRLAKE_API_TOKEN",
        )


def place_of(origin: str) -> str:
    """Host and port of an Origin header; empty, which is no site of ours, where it has none.

    >>> place_of("https://shop.test:8443"), place_of("null"), place_of("http://[")
    ('shop.test:8443', '', '')
    """
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def is_known_host(host: str, api: ApiSettings, own: str = LOOPBACK[0]) -> bool:
    """Whether a Host header names this service.

    With a token, a numeric address is accepted too: no name can have been pointed here.

    >>> is_known_host("localhost:5000", ApiSettings()), is_known_host("evil.test", ApiSettings())
    (True, False)
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in (*LOOPBACK, own, *(known.lower() for known in api.allowed_hosts)):
        return True
    return api.token is not None and _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
