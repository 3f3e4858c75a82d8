"""The assembled service: routes, access rules, and errors as JSON."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from flask import Blueprint, Flask, Response, request

from lakehouse.clock import Clock
from lakehouse.errors import CdrlakeError
from lakehouse.http import access, answers, operations, shared
from lakehouse.settings import Settings
from monitoring.errors import RequestError, SingleClassError
from monitoring.report import SINGLE_CLASS
from monitoring.watched import WatchedModel
from monitoring.web import pages, routes
from monitoring.web.models import Warned

LOG = logging.getLogger(__name__)


def create_app(
    settings: Settings,
    models: Sequence[WatchedModel],
    clock: Clock,
    count: pages.Count = pages.no_counts,
    more: Sequence[Blueprint] = (),
) -> Flask:
    """The WSGI application; the first model is at the root, and `more` are pages of domains."""
    app = Flask(__name__, static_folder="static")
    access.guard(app, settings.api, settings.monitoring.host)
    app.after_request(_ask_again)
    answers.install(app, _answer)
    app.register_blueprint(routes.of_service(settings, models))
    counts = pages.ledger_counts(count, clock)
    for model in models:
        app.register_blueprint(routes.of_model(model))
        app.register_blueprint(pages.of_model(settings, model, counts))
    for blueprint in more:
        app.register_blueprint(blueprint)
    app.register_blueprint(shared.blueprint(settings))
    operations.install(app)
    return app


def _ask_again(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-cache")
    return response


def _answer(error: Exception) -> Response | None:
    if isinstance(error, SingleClassError):
        return operations.as_json(Warned(SINGLE_CLASS, str(error)), error.status)
    if isinstance(error, RequestError):
        return answers.error(str(error), error.status)
    if isinstance(error, CdrlakeError):
        LOG.error("%s %s failed", request.method, request.path, exc_info=error)
        return answers.error(str(error), 503)
    return None
