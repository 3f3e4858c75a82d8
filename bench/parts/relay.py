"""Committed rows from the database to Kafka: the outbox drained by the relay."""

from __future__ import annotations

import threading
from typing import Any

from bench.measure import ROUNDS, Figure, Measurement, Size, hold, seconds
from bench.stand import Stand
from flaskapp.cdr import loader
from flaskapp.cdr.messages import KINDS
from flaskapp.relay import Relay
from lakehouse import mysql, names
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings

BAR = 50_000.0
# Fewer days than the horizon, so that every row is an event of twelve fields.
WORLD: dict[Size, dict[str, Any]] = {
    "small": {"subscribers": 500, "history_days": 28, "replay_days": 0},
    "full": {"subscribers": 20_000, "history_days": 28, "replay_days": 0},
}
POLL_S = 0.01


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Rows a second from the first waiting entry to the broker's last acknowledgement."""
    with stand.site(database=True, **WORLD[size]) as own:
        rows = loader.load_history(own).rows
        entries = _query(own, f"SELECT * FROM {names.MYSQL_OUTBOX}")

        def rate() -> float:
            _fill(own, entries)
            return rows / seconds(lambda: _drain(own))

        note = "idempotent producer, acks=all, lz4; broker and database on the same two cores"
        figure = Figure("relay_rows_per_second", "rows/s", True, f"{rows:,} events", note)
        return [hold(figure, BAR, rate, ROUNDS[size])]


def _drain(settings: Settings) -> None:
    """Relay until the outbox is empty."""
    relay = Relay(settings, SystemClock(), threading.Event(), KINDS)
    thread = threading.Thread(target=relay.run)
    thread.start()
    while _query(settings, f"SELECT 1 FROM {names.MYSQL_OUTBOX} LIMIT 1"):
        relay.stop.wait(POLL_S)
    relay.stop.set()
    thread.join()


def _fill(settings: Settings, entries: list[tuple[object, ...]]) -> None:
    """Let the same blocks wait once more."""
    marks = ", ".join(["%s"] * len(entries[0]))
    with mysql.connect(settings.mysql) as connection, mysql.transaction(connection) as cursor:
        statement = f"INSERT IGNORE INTO {names.MYSQL_OUTBOX} VALUES ({marks})"
        cursor.executemany(statement, entries)


def _query(settings: Settings, statement: str) -> list[tuple[object, ...]]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
