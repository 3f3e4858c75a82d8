"""Who may call an HTTP service; the rules are the same for every service.

Without a token, a service only answers this machine. With one, every call that hands out data or
has an effect needs it. In both cases a request must use a host name that the service goes by,
because a browser would treat a page whose own name has been pointed here (DNS rebinding) as the
same origin; and a call that has an effect must not come from a page of another site.
"""

from __future__ import annotations

import hmac
from functools import partial

from flask import Flask, Response, current_app, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from lakehouse.http import hosts, operations
from lakehouse.http.hosts import LOOPBACK, OWN_SITES, is_known_host
from lakehouse.http.operations import Operation
from lakehouse.settings.model import ApiSettings

POLICY = "Content-Security-Policy"
HEADERS = {
    POLICY: "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def require_safe_address(api: ApiSettings, setting: str, host: str) -> None:
    """Raise `SettingsError` if a service without a token would be reachable from outside.

    `setting` is the name of the setting that holds `host`.
    """
    hosts.require_safe_address(api.token is not None, setting, host)


def needs_token(one: Operation, api: ApiSettings) -> bool:
    """Whether a call needs the token under these settings."""
    is_open = {
        "data": False,
        "open": True,
        "health": api.open_health,
        "metrics": api.open_metrics,
    }
    return api.token is not None and not is_open[one.access]


def guard(app: Flask, api: ApiSettings, host: str = LOOPBACK[0], setting: str = "host") -> None:
    """Check every request's host, site and token, limit bodies, and forbid foreign content.

    `host` is the address that the service listens on, a name that it goes by; `setting` is the name
    of the setting that holds it. Raises `SettingsError` as `require_safe_address` does.
    """
    require_safe_address(api, setting, host)
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes(api)
    app.before_request(partial(_require_host, api, host))
    app.before_request(partial(_authorise, api))
    app.after_request(_with_headers)


def max_body_bytes(api: ApiSettings) -> int:
    """How large the body of a request may be."""
    return api.max_body_kib * 1024


def allow_own_style(response: Response) -> Response:
    """Allow inline styles in the page of `response`, as self-contained report files need."""
    response.headers[POLICY] = f"{HEADERS[POLICY]}; style-src 'self' 'unsafe-inline'"
    return response


def _require_host(api: ApiSettings, own: str) -> None:
    host = request.headers.get("Host")
    if host is not None and not is_known_host(host, api, own):
        raise Forbidden("this service does not go by that name; see the setting api.allowed_hosts")


def _authorise(api: ApiSettings) -> None:
    """Refuse calls from other sites and, where a token is needed, calls without it."""
    one = operations.of(current_app, request.endpoint)
    if one is None or request.method == "OPTIONS":
        return
    if one.acts:
        _require_own_site()
    if needs_token(one, api):
        _require_token(api)


def _require_own_site() -> None:
    origin = request.headers.get("Origin")
    is_foreign = origin is not None and hosts.place_of(origin) != request.host
    if is_foreign or request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES:
        raise Forbidden("requests of other sites are refused")


def _require_token(api: ApiSettings) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    expected = api.token.get_secret_value().encode() if api.token else b""
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), expected):
        raise Unauthorized(
            "this needs the service's token (CDRLAKE_API_TOKEN) as a bearer token",
            www_authenticate=WWWAuthenticate("bearer"),
        )


def _with_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
