"""The service put together: routes, access rules, and errors as JSON."""

from __future__ import annotations

import hmac
import logging

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from lakehouse.clock import Clock
from lakehouse.errors import CdrlakeError, SettingsError
from lakehouse.settings import Settings
from monitoring.errors import RequestError, SingleClassError
from monitoring.report import SINGLE_CLASS
from monitoring.service import Service
from monitoring.watch import Watch
from monitoring.web import pages, routes

LOG = logging.getLogger(__name__)
LOOPBACK = ("127.0.0.1", "::1", "localhost")
RUN_PATH = "/run-monitoring"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def require_safe_address(settings: Settings) -> None:
    """Raise `SettingsError` where a service without a token would be reachable from outside."""
    host = settings.monitoring.host
    if settings.api.token is None and host not in LOOPBACK:
        raise SettingsError(
            "setting monitoring.host",
            "a token for any address but loopback",
            host,
            "set CDRLAKE_API_TOKEN",
        )


def create_app(settings: Settings, service: Service, watch: Watch, clock: Clock) -> Flask:
    """The WSGI application."""
    app = Flask(__name__, static_folder="static")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_CONTENT_LENGTH"] = settings.api.max_body_kib * 1024
    app.before_request(lambda: _authorise(settings))
    app.after_request(_with_headers)
    app.register_error_handler(Exception, _answer)
    app.register_blueprint(routes.blueprint(settings, service))
    app.register_blueprint(pages.blueprint(settings, service, watch, clock))
    return app


def _authorise(settings: Settings) -> None:
    """A run costs something although it is a GET: no other site and, with a token, nobody else."""
    if request.path != RUN_PATH:
        return
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Forbidden("requests of other sites are refused")
    if settings.api.token is None:
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    expected = settings.api.token.get_secret_value().encode()
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), expected):
        raise Unauthorized("a bearer token is needed")


def _with_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _answer(error: Exception) -> tuple[Response, int]:
    if isinstance(error, SingleClassError):
        return jsonify(warning=SINGLE_CLASS, reason=str(error)), error.status
    if isinstance(error, RequestError):
        return jsonify(error=str(error)), error.status
    if isinstance(error, HTTPException):
        return jsonify(error=error.description), error.code or 500
    LOG.error("%s %s failed", request.method, request.path, exc_info=error)
    text = str(error) if isinstance(error, CdrlakeError) else "internal error, see the log"
    return jsonify(error=text), 503 if isinstance(error, CdrlakeError) else 500
