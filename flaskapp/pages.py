"""The page that starts, stops and watches a stream, and the counts it draws."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, render_template

from flaskapp.cdr.world import PLANS
from lakehouse import ledger
from lakehouse.background import Background
from lakehouse.domains.cdr import CDR

if TYPE_CHECKING:
    from flaskapp.app import Parts

# Counting takes a moment, and much longer while a server is away.
FRESH_S, PATIENCE_S = 1.0, 2.0


def blueprint(parts: Parts) -> Blueprint:
    """The page's routes."""
    pages = Blueprint("pages", __name__)
    ask = partial(ledger.snapshot, parts.settings, CDR)
    known = Background(ask, ledger.unknown(CDR), parts.clock, FRESH_S, PATIENCE_S)

    @pages.get("/")
    def index() -> str:
        limits = parts.settings.simulator
        return render_template("index.html", plans=sorted(PLANS), limits=limits)

    @pages.get("/ledger")
    def counts() -> Response:
        return jsonify(known.get().as_dict())

    return pages
