"""The investigators' service: what to look at, why, and what was found."""

from __future__ import annotations

import logging
import math
import sys
import threading
from typing import Annotated, Any, Literal

import msgspec
from flask import Blueprint, Flask, Response, render_template, request
from msgspec import Meta, Struct

from flaskapp.cards import reports, stations, verdicts
from flaskapp.cards.verdict_relay import Relay
from lakehouse import mysql
from lakehouse.clock import Clock, SystemClock
from lakehouse.display import printable
from lakehouse.domains.cards.estimate import Estimate
from lakehouse.domains.cards.features import MISSING, NAMES
from lakehouse.domains.settings import Settings, load
from lakehouse.http import access, answers, operations, requests, server, shared
from lakehouse.http.operations import Error, Operation, operation
from lakehouse.settings import ROOT

LOG = logging.getLogger("flaskapp.cards.investigate")
MOST, OF_CARD, RELAY_STOP_S = 500, 20, 10.0
LOOK = ROOT / "flaskapp" / "static"
WORDS = {
    "count_1h": "purchases within an hour",
    "sum_24h": "spent within 24 hours",
    "km_from_last": "km from the last place",
    "kmh_from_last": "km/h since then",
    "amount_to_habit": "times the usual amount",
}
FLAGS = {"new_merchant": "new merchant", "new_category": "new category"}


class Wanted(Struct, frozen=True):
    """How many transactions to list."""

    limit: Annotated[int, Meta(ge=1, le=MOST)] = 50


class Verdict(Struct, frozen=True, forbid_unknown_fields=True):
    """What an investigator found: 1 for a confirmed fraud, 0 for a genuine transaction."""

    trans_num: Annotated[str, Meta(min_length=1, max_length=64)]
    fraud_confirmed: Annotated[int, Meta(ge=0, le=1)]


class Confirmed(Struct, frozen=True):
    """The verdict that is recorded."""

    trans_num: str
    fraud_confirmed: int


class Rows(Struct, frozen=True):
    """Transactions."""

    transactions: list[dict[str, Any]]


class Figure(Struct, frozen=True):
    """An estimate with its standard error; null while nothing is known."""

    value: float | None
    standard_error: float | None


class Quality(Struct, frozen=True):
    """How good the decisions are, estimated from what was looked at."""

    recall: Figure
    precision: Figure


class Health(Struct, frozen=True):
    """Whether everything works; `problem` says why verdicts wait to be sent."""

    status: Literal["ok", "degraded"]
    problem: str | None


def blueprint(settings: Settings, clock: Clock, relay: Relay) -> Blueprint:
    """The page and its routes."""
    api = Blueprint("investigate", __name__, template_folder="templates")
    _reads(api, settings)
    declared = Operation(
        "Record a verdict", Confirmed, body=(Verdict,), errors={404: Error}, acts=True
    )

    @api.post("/confirm")
    @operation(declared)
    def confirm() -> Confirmed | Response:
        given = requests.build(Verdict, requests.parse_object(request.get_data()))
        with mysql.connect(settings.mysql) as connection:
            is_known = verdicts.confirm(
                connection, given.trans_num, bool(given.fraud_confirmed), clock.now()
            )
        if not is_known:
            return answers.error(f"no transaction is called {given.trans_num}", 404)
        return Confirmed(given.trans_num, given.fraud_confirmed)

    @api.get("/health")
    @operation(Operation("Whether it works", Health, access="health"))
    def health() -> Health:
        return Health("degraded" if relay.problem else "ok", relay.problem)

    return api


def _reads(api: Blueprint, settings: Settings) -> None:
    @api.get("/")
    @operation(Operation("The investigators' page", media="text/html", access="open"))
    def page() -> Response:
        return Response(render_template("queue.html"))

    @api.get("/rows")
    @operation(Operation("What is to be looked at, for the page", media="text/html"))
    def shown() -> Response:
        with mysql.connect(settings.mysql) as connection:
            found = verdicts.queue(connection, 50)
            histories = {
                one["cc_num"]: verdicts.of_card(connection, one["cc_num"], 5) for one in found[:20]
            }
        rows = [{**one, "why": _why(one["features"])} for one in found]
        return Response(render_template("rows.html", rows=rows, histories=histories))

    @api.get("/queue")
    @operation(Operation("What is to be looked at, by expected loss", Rows, Wanted))
    def queue(query: Wanted) -> Rows:
        with mysql.connect(settings.mysql) as connection:
            return Rows(verdicts.queue(connection, query.limit))

    @api.get("/cards/<card>/transactions")
    @operation(Operation("The latest transactions of a card", Rows))
    def of_card(card: str) -> Rows:
        with mysql.connect(settings.mysql) as connection:
            return Rows(verdicts.of_card(connection, card, OF_CARD))

    @api.get("/quality")
    @operation(Operation("Estimated recall and precision", Quality))
    def quality() -> Quality:
        with mysql.connect(settings.mysql) as connection:
            return Quality(*map(_figure, verdicts.quality(connection)))


def _figure(found: Estimate) -> Figure:
    return Figure(*(None if math.isnan(one) else one for one in found))


def _why(features: str) -> list[tuple[str, str]]:
    """What stands out in the card's history, for somebody who decides.

    Nothing if they are not the features that are known here: another version may have written them.
    """
    try:
        values = msgspec.json.decode(features, type=list[float])
    except ValueError:
        return []
    if len(values) != len(NAMES):
        return []
    named = dict(zip(NAMES, values, strict=True))
    known = [(WORDS[name], f"{named[name]:,.4g}") for name in WORDS if named[name] != MISSING]
    return [*known, *((said, "") for name, said in FLAGS.items() if named[name])]


def create_app(settings: Settings, clock: Clock, relay: Relay | None = None) -> Flask:
    """The service; without a `relay`, something else sends its verdicts."""
    app = Flask(__name__)
    relay = relay or Relay(settings, clock, threading.Event())
    access.guard(app, settings.api, settings.cards.host, "cards.host")
    answers.install(app, lambda _: None)
    app.add_template_filter(printable)
    app.register_blueprint(blueprint(settings, clock, relay))
    app.register_blueprint(reports.blueprint(settings))
    app.register_blueprint(stations.blueprint(settings, clock))
    app.register_blueprint(shared.blueprint(settings))
    app.register_blueprint(Blueprint("look", __name__, static_folder=LOOK, static_url_path="/look"))
    operations.install(app)
    return app


def serve(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop`."""
    clock, host, port = SystemClock(), settings.cards.host, settings.cards.page_port
    relay = Relay(settings, clock, stop)
    relaying = threading.Thread(target=relay.run, name="relay")
    app, most = create_app(settings, clock, relay), reports.max_body_bytes(settings)
    with server.serving(app, host, port, most):
        relaying.start()
        LOG.info("investigators' page on http://%s:%s", host, port)
        stop.wait()
    relaying.join(RELAY_STOP_S)


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; returns 0 then, or 1 if the service cannot start."""
    return server.run(load, serve)


if __name__ == "__main__":
    sys.exit(main())
