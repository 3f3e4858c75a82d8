"""Who may call an HTTP service, the same rules for each: loopback, or a token."""

from __future__ import annotations

import hmac

from flask import Flask, Response, request
from werkzeug.exceptions import Unauthorized

from lakehouse.errors import SettingsError
from lakehouse.settings.model import ApiSettings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
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
    """Limit the body of requests, and let browsers load and embed nothing from elsewhere."""
    app.config["MAX_CONTENT_LENGTH"] = api.max_body_kib * 1024
    app.after_request(_with_headers)


def _with_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
