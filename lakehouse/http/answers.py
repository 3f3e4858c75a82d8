"""Errors as JSON, in the same form for every route, method and service."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from lakehouse import mysql
from lakehouse.errors import CdrlakeError
from lakehouse.http.operations import Error, as_json
from lakehouse.http.requests import InvalidRequestError

LOG = logging.getLogger(__name__)
UNEXPECTED = "internal error, see the log"
Special = Callable[[Exception], Response | None]


def install(app: Flask, special: Special) -> None:
    """Answer every error with its status and a sentence; `special` may override this."""
    app.register_error_handler(Exception, lambda error: special(error) or _answer(error))


def error(text: str, status: int) -> Response:
    """A response that says what went wrong."""
    return as_json(Error(text), status)


def _answer(raised: Exception) -> Response:
    if isinstance(raised, InvalidRequestError):
        return error(str(raised), 400)
    if isinstance(raised, HTTPException):
        response = error(raised.description or raised.name, raised.code or 500)
        headers = raised.get_headers(request.environ)  # with Allow, or WWW-Authenticate
        response.headers.extend([pair for pair in headers if pair[0] != "Content-Type"])
        return response
    if mysql.is_outage(raised):
        LOG.warning("%s %s: %s", request.method, request.path, raised)
        return error(str(raised), 503)
    LOG.error("%s %s failed", request.method, request.path, exc_info=raised)
    return error(str(raised) if isinstance(raised, CdrlakeError) else UNEXPECTED, 500)
