"""The page of the SQL pipeline: bots found, how right, how far each step is, and the files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl
from flask import Blueprint, Response, render_template

from flaskapp.clicks.sending import FIRST_ID
from lakehouse import mysql, progress, sql_plans, store
from lakehouse.domains.clicks import names, world
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
_STREAMS = "SELECT request FROM Streams WHERE domain = %s"


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


@dataclass(frozen=True)
class Crowd:
    """The visitors of a stream, and those of them that are bots."""

    ids: range
    bots: frozenset[int]


def figures(windows: int, called: Mapping[str, int], crowds: Sequence[Crowd]) -> Figures:
    """Figures of so many windows; `called` are those called a bot's, counted by visitor.

    >>> figures(4, {"1": 2, "3": 1}, [Crowd(range(1, 2), frozenset({1}))])
    Figures(windows=4, called=3, known=2, right=2)
    """
    known = right = 0
    for user, count in called.items():
        number = int(user) if user.isdecimal() else -1
        crowd = next((one for one in crowds if number in one.ids), None)
        if crowd is not None:
            known += count
            right += count if number in crowd.bots else 0
    return Figures(windows, sum(called.values()), known, right)


def crowds(requests: list[dict[str, Any]]) -> list[Crowd]:
    """The visitors of streams, from the requests as they are kept."""
    return [
        crowd(one["users"], one["bots"], one["seed"], one[FIRST_ID])
        for one in requests
        if FIRST_ID in one
    ]


@lru_cache(maxsize=256)
def crowd(users: int, bots: float, seed: int, first_id: int) -> Crowd:
    """The visitors of a stream: they never change."""
    kinds = world.kinds(users, bots, seed)
    found = frozenset(first_id + i for i, kind in enumerate(kinds) if kind != "person")
    return Crowd(range(first_id, first_id + users), found)


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
            figures=figures(*_results(settings), crowds(_requests(settings))),
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


def _results(settings: Settings) -> tuple[int, dict[str, int]]:
    """How many windows were judged, and how many were called a bot's, by visitor."""
    uri = table_uri(settings.lake_uri, names.RESULTS)
    if not store.exists(uri, settings.lake_options):
        return 0, {}
    is_bot = pl.col("prediction") == "bot"
    grouped = store.scan(uri, settings.lake_options).group_by("user_id")
    counts = grouped.agg(windows=pl.len(), called=is_bot.sum())
    found = store.collect(counts, uri, settings.lake_options)
    called = found.filter(pl.col("called") > 0).select("user_id", "called")
    return int(found["windows"].sum()), dict(called.iter_rows())


def _requests(settings: Settings) -> list[dict[str, Any]]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(_STREAMS, (names.NAME,))
        return [json.loads(request) for (request,) in cursor.fetchall()]
