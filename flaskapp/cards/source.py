"""A source of transactions over HTTP, in the form of the payment API that it stands in for.

`GET /current-transactions` answers `{"columns", "index", "data"}` with 21 columns in an order of
its own: no date, `current_time` in milliseconds, card numbers as numbers. Now and then the JSON
comes in a string, a transaction is repeated, or a column has another name.
"""

from __future__ import annotations

import csv
import gzip
import json
import logging
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from flask import Blueprint, Flask, Response
from msgspec import Meta, Struct

from flaskapp.cards.world.world import World
from lakehouse import files
from lakehouse.clock import Clock, SystemClock
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import SourceError
from lakehouse.http import access, answers, operations, server
from lakehouse.http.operations import Error, Operation, operation

LOG = logging.getLogger("flaskapp.cards.source")
COLUMNS = (
    "cc_num", "merchant", "category", "amt", "first", "last", "gender", "street", "city", "state",
    "zip", "lat", "long", "city_pop", "job", "dob", "trans_num", "merch_lat", "merch_long",
    "is_fraud", "current_time",
)  # fmt: skip
STRING_EVERY, RENAMED_EVERY, REPEATED_EVERY = 3, 7, 50
WORLD_DAYS, MINUTE = 30, 60.0
MOST = 10_000
Row = dict[str, Any]


class Asked(Struct, frozen=True):
    """How many transactions to answer with."""

    n: Annotated[int, Meta(ge=1, le=MOST)] = 1


class Rows:
    """The transactions of a source, each handed out once, apart from those that it repeats.

    How far it has come is written to `place`. After a restart it goes on with the transactions of
    its last answer, which perhaps nobody has received.
    """

    def __init__(self, rows: Iterable[Row], place: Path | None = None) -> None:
        self._place, self._lock = place, threading.Lock()
        self.given = _read_position(place)
        self._rows = islice(rows, self.given, None)

    def take(self, most: int) -> list[Row]:
        """The next transactions; empty when there are no more."""
        found: list[Row] = []
        with self._lock:
            if self._place is not None:
                files.replace(self._place, str(self.given).encode())
            for row in self._rows:
                found.append(row)
                self.given += 1
                if self.given % REPEATED_EVERY == 0:
                    found.append(row)
                if len(found) >= most:
                    break
        return found


def _read_position(place: Path | None) -> int:
    try:
        return int(place.read_bytes()) if place is not None else 0
    except (OSError, ValueError):
        return 0


def blueprint(rows: Rows, per_minute: int, clock: Clock) -> Blueprint:
    """The routes of a source that answers `per_minute` calls a minute, 0 for any number."""
    api, calls = Blueprint("source", __name__), deque[float]()
    answered = [0]
    declared = Operation("The current transactions", Any, Asked, errors={429: Error}, acts=True)

    @api.get("/current-transactions")
    @operation(declared)
    def current_transactions(query: Asked) -> Response:
        now = clock.monotonic()
        while calls and calls[0] <= now - MINUTE:
            calls.popleft()
        if per_minute and len(calls) >= per_minute:
            refused = answers.error(f"at most {per_minute} calls a minute", 429)
            refused.headers["Retry-After"] = str(int(calls[0] + MINUTE - now) + 1)
            return refused
        calls.append(now)
        answered[0] += 1
        return Response(body(rows.take(query.n), answered[0]), mimetype=operations.JSON)

    @api.get("/health")
    @operation(Operation("Whether the service runs", dict[str, str], access="health"))
    def health() -> dict[str, str]:
        return {"status": "ok"}

    return api


def body(rows: list[Row], number: int) -> bytes:
    """The answer to call `number`, with the habits of the original."""
    columns = list(COLUMNS)
    if number % RENAMED_EVERY == 0:
        columns[columns.index("amt")] = "amount"
    answer = {
        "columns": columns,
        "index": [row.get("index", 0) for row in rows],
        "data": [[_value(row, name) for name in COLUMNS] for row in rows],
    }
    text = json.dumps(answer)
    return json.dumps(text).encode() if number % STRING_EVERY == 0 else text.encode()


def _value(row: Row, name: str) -> Any:
    if name == "current_time":
        at = datetime.fromisoformat(row["trans_date_trans_time"]).replace(tzinfo=UTC)
        return int(at.timestamp() * 1_000)
    value = row.get(name)
    is_number = name in ("cc_num", "zip") and isinstance(value, str) and value.isdigit()
    return int(value) if is_number else value  # type: ignore[arg-type]


def world_rows(settings: Settings, clock: Clock) -> Iterator[Row]:
    """The transactions of the installation's simulated world, up to today."""
    chosen = settings.cards
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    world = World(
        chosen.cards, chosen.seed, chosen.fraud_rate, midnight - timedelta(days=WORLD_DAYS)
    )
    return (one.row for one in world.transactions(WORLD_DAYS))


def file_rows(paths: Iterable[Path]) -> Iterator[Row]:
    """The rows of CSV files in the training format, with or without the unnamed first column.

    Raises `SourceError` for a file that cannot be read.
    """
    for path in paths:
        try:
            opened = gzip.open if path.suffix == ".gz" else open
            with opened(path, "rt", encoding="utf-8", newline="") as file:
                for number, row in enumerate(csv.DictReader(file)):
                    yield {"index": number, **{name: _read(name, row[name]) for name in row}}
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SourceError(str(path), "a CSV file", str(error), "correct cards.files") from None


def _read(name: str, text: str | None) -> Any:
    if not text:
        return None
    if name in ("amt", "lat", "long", "merch_lat", "merch_long"):
        return float(text)
    return int(text) if name in ("", "city_pop", "unix_time", "is_fraud") else text


def create_app(settings: Settings, rows: Rows, clock: Clock) -> Flask:
    """The service."""
    app = Flask(__name__)
    access.guard(app, settings.api, settings.cards.host, "cards.host")
    answers.install(app, lambda _: None)
    app.register_blueprint(blueprint(rows, settings.cards.source_calls_per_minute, clock))
    operations.install(app)
    return app


def serve(settings: Settings, stop: threading.Event) -> None:
    """Serve until `stop`."""
    clock, chosen = SystemClock(), settings.cards
    place = settings.state / "cards" / "source.txt"
    rows = Rows(file_rows(chosen.files) if chosen.files else world_rows(settings, clock), place)
    app = create_app(settings, rows, clock)
    most = access.max_body_bytes(settings.api)
    with server.serving(app, chosen.host, chosen.source_port, most):
        LOG.info(
            "transactions on http://%s:%s/current-transactions", chosen.host, chosen.source_port
        )
        stop.wait()


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; returns 0 then, or 1 if the service cannot start."""
    return server.run(load, serve)


if __name__ == "__main__":
    sys.exit(main())
