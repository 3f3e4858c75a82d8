"""The service put together: routes, access rules, and errors as JSON."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import Forbidden, HTTPException

from flaskapp import pages, routes, views
from flaskapp.cdr.sending import NothingToSendError
from flaskapp.relay import Relay
from flaskapp.runner import BusyError, Runner
from flaskapp.validation import InvalidRequestError
from lakehouse import mysql
from lakehouse.clock import Clock
from lakehouse.errors import CdrlakeError
from lakehouse.http import access
from lakehouse.settings import Settings

LOG = logging.getLogger(__name__)
BUSY = "A streaming process is already running"
READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Parts:
    """What the service is made of; built in `__main__`, or in a test."""

    settings: Settings
    clock: Clock
    runner: Runner
    relay: Relay


def create_app(parts: Parts) -> Flask:
    """The WSGI application."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    access.guard(app, parts.settings.api)
    app.before_request(lambda: _authorise(parts.settings))
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
    access.require_token(settings.api)


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
