"""The simulated source hands out transactions to this installation's producer alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, redirect, request

from cdrlake.cards import producer
from flaskapp.cards.source import Rows, create_app
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import SourceError
from lakehouse.http import server
from lakehouse.http.hosts import is_known_host
from tests.unit.compose_file import SERVICES

ROW = {"trans_num": "t", "cc_num": "4" * 16, "trans_date_trans_time": "2026-01-01 00:00:00"}
TOKEN = {"CDRLAKE_API_TOKEN": "a-token"}


def serving(environment: dict[str, str]) -> Any:
    """A source with these settings; the value is its port."""
    app = create_app(load(environment), Rows([ROW] * 9), SystemClock())
    return server.serving(app, "127.0.0.1", 0)


def settings(environment: dict[str, str], port: int, **cards: str) -> Settings:
    own = {f"CDRLAKE_CARDS__{name.upper()}": value for name, value in cards.items()}
    return load({"CDRLAKE_CARDS__SOURCE_PORT": str(port), **environment, **own})


@pytest.mark.parametrize("environment", [{}, TOKEN])
def test_the_producer_asks_the_source_of_its_installation(environment: dict[str, str]) -> None:
    with serving(environment) as port:
        body = producer.source(settings(environment, port, source_rows="2"))()
    assert len(json.loads(body or b"")["data"]) == 2


def test_nobody_takes_transactions_from_the_source_without_its_token() -> None:
    with serving(TOKEN) as port:
        for own in ({}, {"CDRLAKE_API_TOKEN": "another"}):
            with pytest.raises(SourceError, match="status 401"):
                producer.source(settings(own, port))()
        url = f"http://127.0.0.1:{port}/current-transactions"
        with pytest.raises(SourceError, match="status 401"):
            producer.source(settings(TOKEN, port, source_url=url))()


@pytest.fixture
def elsewhere() -> Iterator[tuple[int, list[str | None]]]:
    """A port that leads on to another address, and the tokens that arrived at both."""
    app, arrived = Flask(__name__), list[str | None]()

    @app.before_request
    def note() -> None:
        arrived.append(request.headers.get("Authorization"))

    app.get("/current-transactions")(lambda: redirect("/moved"))
    app.get("/moved", endpoint="moved")(lambda: Response(b"[]"))
    with server.serving(app, "127.0.0.1", 0) as port:
        yield port, arrived


def test_the_token_goes_to_no_other_source_and_not_where_one_leads_on_to(
    elsewhere: tuple[int, list[str | None]],
) -> None:
    port, arrived = elsewhere
    url = f"http://127.0.0.1:{port}/current-transactions"
    assert producer.source(settings(TOKEN, 1, source_url=url))() == b"[]"
    assert arrived == [None, None]
    assert producer.source(settings(TOKEN, port))() == b"[]"
    assert arrived[2:] == ["Bearer a-token", None]


def test_the_producer_of_compose_asks_the_source_of_compose() -> None:
    asking = load(SERVICES["cards-producer"]["environment"])
    asked = load(SERVICES["cards-source"]["environment"])
    assert not asking.cards.source_url
    assert asking.api.token == asked.api.token is not None
    assert asking.cards.host in SERVICES
    assert is_known_host(f"{asking.cards.host}:{asking.cards.source_port}", asked.api)
