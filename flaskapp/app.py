"""The assembled service: routes, access rules, and errors as JSON."""

from __future__ import annotations

from flask import Flask, Response

from flaskapp import home, pages, routes, views
from flaskapp.parts import Parts
from flaskapp.routes import Busy
from flaskapp.runner import BusyError
from flaskapp.stream_source import NothingToSendError
from lakehouse.http import access, answers, operations, shared

BUSY = "A streaming process is already running"


def create_app(parts: Parts) -> Flask:
    """The WSGI application."""
    app, settings = Flask(__name__), parts.settings
    app.json.sort_keys = False  # type: ignore[attr-defined]
    access.guard(app, settings.api, settings.simulator.host, "simulator.host")
    answers.install(app, _answer)
    app.register_blueprint(routes.blueprint(parts))
    app.register_blueprint(views.blueprint(parts))
    app.register_blueprint(pages.blueprint(parts))
    app.register_blueprint(home.blueprint(parts))
    app.register_blueprint(shared.blueprint(settings))
    for source in parts.sources:
        app.register_blueprint(source.routes())
    operations.install(app)
    return app


def _answer(error: Exception) -> Response | None:
    if isinstance(error, BusyError):
        return operations.as_json(Busy(BUSY), 409)
    if isinstance(error, NothingToSendError):
        return answers.error(str(error), 409)
    return None
