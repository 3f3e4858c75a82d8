"""The pages of the simulator: one for each domain that it sends rows of."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, render_template

from flaskapp.parts import Parts
from flaskapp.stream_source import StreamSource
from lakehouse.domain import Domain
from lakehouse.http.operations import Operation, operation


def blueprint(parts: Parts) -> Blueprint:
    """The pages' routes."""
    pages = Blueprint("pages", __name__)
    for source in parts.sources:
        path = path_of(parts, source.declared) or "/"
        pages.add_url_rule(path, source.domain, _page(parts, source), methods=["GET"])
    return pages


def path_of(parts: Parts, domain: Domain) -> str | None:
    """Where a domain's page is: the first one's at the root; None for one without a source."""
    names = [source.domain for source in parts.sources]
    if domain.name not in names:
        return None
    return "/" if names[0] == domain.name else f"/{domain.name}/"


def stations(domain: Domain) -> list[dict[str, Any]]:
    """The boxes of a domain's flow."""
    return [
        {"name": one.name, "title": one.heading, "branch": one.branch, "taken_by": one.taken_by}
        for one in domain.stations
    ]


def _page(parts: Parts, source: StreamSource) -> Any:
    summary = f"Start, stop and watch streams ({source.domain})"

    @operation(Operation(summary, media="text/html", access="open"))
    def page() -> Response:
        html = render_template(
            "index.html",
            page=source.page,
            columns=[asdict(column) for column in source.page.columns],
            limits=parts.settings.simulator,
            domain=source.domain,
            stations=stations(source.declared),
        )
        return Response(html, mimetype="text/html")

    return page
