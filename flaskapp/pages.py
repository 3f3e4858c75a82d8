"""The page that starts, stops and watches a stream."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, render_template

from flaskapp.parts import Parts
from lakehouse.http.operations import Operation, operation


def blueprint(parts: Parts) -> Blueprint:
    """The page's route."""
    pages = Blueprint("pages", __name__)
    source = parts.sources[0]

    @pages.get("/")
    @operation(Operation("The page", media="text/html", access="open"))
    def index() -> Response:
        page, limits = source.page, parts.settings.simulator
        columns = [asdict(column) for column in page.columns]
        html = render_template(
            "index.html", page=page, columns=columns, limits=limits, domain=source.domain
        )
        return Response(html, mimetype="text/html")

    return pages
