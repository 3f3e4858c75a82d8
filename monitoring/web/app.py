"""The service put together: routes, access rules, and errors as JSON."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import Forbidden, HTTPException

from lakehouse.clock import Clock
from lakehouse.errors import CdrlakeError
from lakehouse.http import access
from lakehouse.settings import Settings
from monitoring.errors import RequestError, SingleClassError
from monitoring.report import SINGLE_CLASS
from monitoring.watched import WatchedModel
from monitoring.web import pages, routes

LOG = logging.getLogger(__name__)
RUN_PATH = "/run-monitoring"
# What a browser says of a request by this very service's page, and by its user's own hand.
OWN_SITES = ("same-origin", "none")


def create_app(
    settings: Settings,
    models: Sequence[WatchedModel],
    clock: Clock,
    count: pages.Count = pages.no_counts,
) -> Flask:
    """The WSGI application; the first model is at the root."""
    app = Flask(__name__, static_folder="static")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    access.guard(app, settings.api)
    app.before_request(lambda: _authorise(settings))
    app.after_request(_ask_again)
    app.register_error_handler(Exception, _answer)
    app.register_blueprint(routes.of_service(settings, models))
    counts = pages.ledger_counts(count, clock)
    for model in models:
        app.register_blueprint(routes.of_model(model))
        app.register_blueprint(pages.of_model(settings, model, counts))
    return app


def _authorise(settings: Settings) -> None:
    """A run costs something although it is a GET: no other site and, with a token, nobody else."""
    if not request.path.endswith(RUN_PATH):
        return
    if request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES:
        raise Forbidden("requests of other sites are refused")
    access.require_token(settings.api)


def _ask_again(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-cache")
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
