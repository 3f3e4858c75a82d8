"""The service put together: routes, access rules, and errors as JSON."""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized

from flaskapp import pages, routes, views
from flaskapp.relay import Relay
from flaskapp.runner import BusyError, Runner
from flaskapp.sending import NothingToSendError
from flaskapp.validation import InvalidRequestError
from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.errors import CdrlakeError, SettingsError
from lakehouse.settings import Settings

LOG = logging.getLogger(__name__)
LOOPBACK = ("127.0.0.1", "::1", "localhost")
BUSY = "A streaming process is already running"
READING = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Parts:
    """What the service is made of; built in `__main__`, or in a test."""

    settings: Settings
    clock: Clock
    runner: Runner
    relay: Relay


def require_safe_address(settings: Settings) -> None:
    """Raise `SettingsError` where a service without a token would be reachable from outside."""
    host = settings.simulator.host
    if settings.api.token is None and host not in LOOPBACK:
        raise SettingsError(
            "setting simulator.host",
            "a token for any address but loopback",
            host,
            "set CDRLAKE_API_TOKEN",
        )


def create_app(parts: Parts) -> Flask:
    """The WSGI application."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["MAX_CONTENT_LENGTH"] = parts.settings.api.max_body_kib * 1024
    app.before_request(lambda: _authorise(parts.settings))
    app.after_request(_with_headers)
    app.register_error_handler(Exception, _answer)
    app.register_blueprint(routes.blueprint(parts))
    app.register_blueprint(views.blueprint(parts))
    app.register_blueprint(pages.blueprint(parts))
    return app


def _authorise(settings: Settings) -> None:
    if request.method in READING:
        return
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
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
    if isinstance(error, InvalidRequestError):
        return jsonify(error=str(error)), 400
    if isinstance(error, BusyError):
        return jsonify(message=BUSY), 409
    if isinstance(error, NothingToSendError):
        return jsonify(error=str(error)), 409
    if isinstance(error, HTTPException):
        return jsonify(error=error.description), error.code or 500
    if mysql.is_outage(error):
        LOG.warning("%s %s: %s", request.method, request.path, error)
        return jsonify(error=str(error)), 503
    LOG.error("%s %s failed", request.method, request.path, exc_info=error)
    text = str(error) if isinstance(error, CdrlakeError) else "internal error, see the log"
    return jsonify(error=text), 500
