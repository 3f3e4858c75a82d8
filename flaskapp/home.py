"""The home page: every domain with its flow, its counts, and the way to its pages."""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from msgspec import Struct

from flaskapp.pages import path_of, stations
from flaskapp.parts import Parts
from flaskapp.views import StepView, counted
from lakehouse.domain import Domain
from lakehouse.http.operations import Operation, operation
from lakehouse.ledger import Ledger


class DomainView(Struct, frozen=True):
    """A domain and how many rows there are at each of its stations.

    `page` is the path of its simulator, None if it has none; `models` are the names of its models.
    """

    name: str
    title: str
    about: str
    page: str | None
    models: list[str]
    steps: list[StepView]


def blueprint(parts: Parts) -> Blueprint:
    """The page, and what it asks for."""
    home = Blueprint("home", __name__)
    known = {one.name: counted(parts, one) for one in parts.domains}

    @home.get("/home")
    @operation(Operation("The home page", media="text/html", access="open"))
    def page() -> Response:
        shown = [(one, path_of(parts, one), stations(one)) for one in parts.domains]
        return Response(
            render_template("home.html", domains=shown, settings=parts.settings),
            mimetype="text/html",
        )

    @home.get("/domains")
    @operation(Operation("Every domain, with its counts", list[DomainView]))
    def domains() -> list[DomainView]:
        return [_view(parts, one, known[one.name].get()) for one in parts.domains]

    return home


def _view(parts: Parts, domain: Domain, found: Ledger) -> DomainView:
    return DomainView(
        domain.name,
        domain.title or domain.name,
        domain.about,
        path_of(parts, domain),
        [scored.model for scored in domain.scored if scored.is_watched],
        [StepView(step.name, step.count, step.unit) for step in found.steps],
    )
