"""The page of the SQL pipeline: bots found, how right, how far each step is, and the files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from flask import Blueprint, Response, render_template

from flaskapp.clicks.sending import FIRST_ID
from flaskapp.clicks.traffic import Traffic
from lakehouse import mysql, progress, sql_plans, store
from lakehouse.domains.clicks import names
from lakehouse.domains.settings import Settings
from lakehouse.http.operations import Operation, operation
from lakehouse.names import table_uri
from lakehouse.progress import QueryProgress

PATH = f"/{names.NAME}/pipeline"
# What each step is called, by the beginning of its query's name.
STEPS = {
    "clicks_ingest": "Clicks, from Kafka to the lake",
    "clicks_users": "Users, from the database to the lake",
    "clicks_sql": "Windows to results, by the SQL files",
}
_STREAMS = "SELECT request FROM Streams"


@dataclass(frozen=True)
class Figures:
    """Windows judged and called a bot's; of visitors of our own streams, how many rightly.

    `known` are the windows called a bot's whose visitor a stream of the simulator has made, and
    `right` those of them that are a bot's.
    """

    windows: int = 0
    called: int = 0
    known: int = 0
    right: int = 0

    @property
    def precision(self) -> float | None:
        """The share of them that is right; None while there is none."""
        return self.right / self.known if self.known else None


def figures(results: pl.DataFrame, kinds: Mapping[str, bool]) -> Figures:
    """Figures of results; `kinds` says of each visitor of ours whether it is a bot.

    >>> rows = pl.DataFrame({"user_id": ["1", "2", "3"], "prediction": ["bot", "bot", "user"]})
    >>> figures(rows, {"1": True, "3": False})
    Figures(windows=3, called=2, known=1, right=1)
    """
    called = results.filter(pl.col("prediction") == "bot")["user_id"].to_list()
    ours = [kinds[user] for user in called if user in kinds]
    return Figures(len(results), len(called), len(ours), sum(ours))


def kinds(requests: list[dict[str, Any]]) -> dict[str, bool]:
    """Whether the visitors of streams are bots, from the requests as they are kept."""
    found = dict[str, bool]()
    for one in requests:
        if FIRST_ID in one:
            wanted = Traffic(users=one["users"], bot_share=one["bots"], seed=one["seed"])
            crowd = wanted.crowd(one[FIRST_ID])
            found |= {str(visitor.id): visitor.kind != "person" for visitor in crowd}
    return found


def behind(query: QueryProgress) -> str:
    """How far a query is behind its source, in words.

    >>> from datetime import datetime
    >>> behind(QueryProgress("q", "running", datetime(2026, 1, 1), lag_offsets=12, lag_seconds=3.2))
    '12 messages, 3 s'
    """
    if query.lag_offsets:
        return f"{query.lag_offsets:,} messages, {query.lag_seconds:.0f} s"
    if query.lag_versions:
        return f"{query.lag_versions:,} commits, {query.lag_seconds:.0f} s"
    return "level"


def blueprint(settings: Settings) -> Blueprint:
    """The route of the page."""
    routes = Blueprint("clicks_pipeline", __name__, template_folder="templates")

    @routes.get(PATH)
    @operation(Operation("The SQL pipeline of clicks, its figures and files", media="text/html"))
    def page() -> Response:
        html = render_template(
            "pipeline.html",
            figures=figures(_results(settings), kinds(_requests(settings))),
            steps=[(title, one, behind(one)) for title, one in _steps(settings)],
            plans=sql_plans.read(settings.state, names.NAME),
        )
        return Response(html, mimetype="text/html")

    return routes


def _steps(settings: Settings) -> list[tuple[str, QueryProgress]]:
    queries = progress.read_queries(settings.state)
    return [
        (title, one)
        for prefix, title in STEPS.items()
        for one in queries
        if one.query.startswith(f"{prefix}__")
    ]


def _results(settings: Settings) -> pl.DataFrame:
    uri = table_uri(settings.lake_uri, names.RESULTS)
    if not store.exists(uri, settings.lake_options):
        return pl.DataFrame(schema={"user_id": pl.String, "prediction": pl.String})
    rows = store.scan(uri, settings.lake_options).select("user_id", "prediction")
    return store.collect(rows, uri, settings.lake_options)


def _requests(settings: Settings) -> list[dict[str, Any]]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(_STREAMS)
        found = [json.loads(request) for (request,) in cursor.fetchall()]
    return [one for one in found if one.get("domain") == names.NAME]
