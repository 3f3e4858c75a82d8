"""Who may call an HTTP service, the same rules for each: loopback, or a token."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden, Unauthorized

from lakehouse.errors import SettingsError
from lakehouse.settings.model import ApiSettings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
POLICY = "Content-Security-Policy"
HEADERS = {
    POLICY: "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def require_safe_address(api: ApiSettings, setting: str, host: str) -> None:
    """Raise `SettingsError` where a service without a token would be reachable from outside.

    `setting` is the name of the setting that holds `host`.
    """
    if api.token is None and host not in LOOPBACK:
        raise SettingsError(
            f"setting {setting}",
            "a token for any address but loopback",
            host,
            "set CDRLAKE_API_TOKEN",
        )


def require_token(api: ApiSettings) -> None:
    """Raise `Unauthorized` for the request at hand when it lacks the token, where one is set."""
    if api.token is None:
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    expected = api.token.get_secret_value().encode()
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), expected):
        raise Unauthorized("a bearer token is needed")


def guard(app: Flask, api: ApiSettings) -> None:
    """Limit the body of requests, and let browsers load and embed nothing from elsewhere.

    Without a token only requests to a name of this machine are answered: a page whose own name was
    made to lead here would be of the same origin to a browser.
    """
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes(api)
    if api.token is None:
        app.before_request(_require_loopback)
    app.after_request(_with_headers)


def max_body_bytes(api: ApiSettings) -> int:
    """How large the body of a request may be."""
    return api.max_body_kib * 1024


def allow_own_style(response: Response) -> Response:
    """Let the page of `response` have its style within, as files that open anywhere do."""
    response.headers[POLICY] = f"{HEADERS[POLICY]}; style-src 'self' 'unsafe-inline'"
    return response


def _require_loopback() -> None:
    host = request.headers.get("Host")
    if host is not None and not is_loopback(host):
        raise Forbidden("without a token only requests to localhost are answered")


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine.

    >>> is_loopback("localhost:5000"), is_loopback("[::1]:5000"), is_loopback("localhost.evil.test")
    (True, True, False)
    """
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False


def _with_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
