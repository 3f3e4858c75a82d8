"""The simulator's application without its HTTP server, for tests to speak to."""

from __future__ import annotations

import threading
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flaskapp.app import create_app
from flaskapp.domains import sources
from flaskapp.parts import assemble
from lakehouse import mysql
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings

QUICK = {"batch_size": 20, "num_batches": 3, "interval": 1}


class Service:
    """The application without its HTTP server."""

    def __init__(self, settings: Settings) -> None:
        clock, self.stop = SystemClock(), threading.Event()
        self.settings = settings
        self.parts = assemble(settings, clock, sources(settings, clock), self.stop)
        self.app = create_app(self.parts)
        self.http: FlaskClient = self.app.test_client()

    def start(self, **body: Any) -> TestResponse:
        return self.http.post("/start_stream", json=body)

    def stream(self, stream_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/streams/{stream_id}").get_json()
        return found

    def finished(self, **body: Any) -> dict[str, Any]:
        """The stream for `body`, when it has come to its end."""
        answer = self.start(**body).get_json()
        assert "stream_id" in answer, answer
        # The thread of a finished stream lives on until its connection is closed.
        while (found := self.stream(answer["stream_id"]))[
            "state"
        ] == "running" or self.parts.runner.is_running:
            self.stop.wait(0.05)
        return found


def query(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
