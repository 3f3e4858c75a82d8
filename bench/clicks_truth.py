"""What clicks must come to: users, windows, results and documents, counted from their sources.

Nothing of the pipeline is asked. Users are what the database holds, windows are counted in polars
from the messages of the topic.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl
from confluent_kafka import Message

from bench.clicks_visits import Visits
from lakehouse import documents, kafka, mysql, store, ticks
from lakehouse.clock import SystemClock
from lakehouse.domains.clicks import names
from lakehouse.domains.clicks.contracts import PAGES, VIEWS
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.schema_registry import avro_schemas
from lakehouse.schema_registry.client import Address, SchemaClient

SLIDE_S, SLIDES = 120, 5
KEY = ["user_id", "window_start"]
USER = ["id", "name", "platform", "country", "ip_address", "nb_orders"]
_KEYS: dict[str, pl.DataType] = {"user_id": pl.String(), "window_start": pl.Datetime("us", "UTC")}
Until = Callable[[Callable[[], bool], str], None]


def compare(settings: Settings, visits: Visits, until: Until) -> int:
    """Let everything arrive and every window close, then say what differs; how many differ."""
    visits.end()
    wanted = windows(settings)
    clicks = wanted.select(pl.sum_horizontal(VIEWS).sum()).item() // SLIDES
    until(lambda: visits.arrived() >= clicks, "every click in the lake")
    until(lambda: users(settings)[0].equals(users(settings)[1]), "every change of a user")
    ticks.send(settings, names.TOPIC_EVENTS, SystemClock().now() + timedelta(minutes=11))
    until(lambda: len(results(settings)) >= len(wanted), "the last windows")
    until(lambda: len(published(settings)) >= len(wanted), "the last messages")
    if settings.documents.uri is not None:
        # They are written after the messages, a few at a time.
        until(lambda: len(_documents(settings)) >= len(wanted), "the last documents")
    return report(settings, visits, wanted)


def report(settings: Settings, visits: Visits, wanted: pl.DataFrame) -> int:
    """Print each comparison; how many failed."""
    found, (kept, held) = results(settings), users(settings)
    told = found.select([*KEY, "probability"]).sort(KEY)
    failed = _check("users in the lake, those of the database", kept.equals(held), True)
    failed += _check(f"of {len(visits.changes):,} changes, lost", _lost(settings, visits), 0)
    failed += _check("clicks confirmed and not in the topic", _missing(wanted, visits), 0)
    failed += _check("windows, each once", found.select(KEY).is_unique().all(), True)
    counted = found.select(*KEY, *VIEWS).sort(KEY).equals(wanted)
    failed += _check(f"{len(wanted):,} windows, view by view", counted, True)
    failed += _check("messages, those of the table", published(settings).equals(told), True)
    if settings.documents.uri is not None:
        rows = _documents(settings)
        stored = pl.DataFrame(
            [(one["user_id"], one["window_start"], one["probability"]) for one in rows],
            schema=told.schema, orient="row",
        ).sort(KEY)  # fmt: skip
        failed += _check(f"{len(rows):,} documents, those of the table", stored.equals(told), True)
    return failed


def windows(settings: Settings) -> pl.DataFrame:
    """Views of each user in each window, from the messages of the topic; each click counts once."""
    schemas, clicks = SchemaClient(Address.of(settings)), set[tuple[str, datetime, str]]()

    def visit(message: Message) -> None:
        value = message.value() or b""
        row = avro_schemas.read(value, schemas.schema(avro_schemas.schema_id(value)))
        clicks.add((row["user_id"], row["ts"], row["event"]))

    kafka.read_all(settings.kafka, names.TOPIC_EVENTS, visit)
    views: dict[tuple[str, datetime], list[int]] = defaultdict(lambda: [0] * len(PAGES))
    for user, moment, page in clicks:
        slide = int(moment.timestamp()) // SLIDE_S
        for back in range(SLIDES):
            start = datetime.fromtimestamp((slide - back) * SLIDE_S, UTC)
            views[user, start][PAGES.index(page)] += 1
    rows = [(*key, *counts) for key, counts in views.items()]
    kinds: dict[str, pl.DataType] = {**_KEYS, **{name: pl.Int32() for name in VIEWS}}
    return pl.DataFrame(rows, schema=kinds, orient="row").sort(KEY)


def results(settings: Settings) -> pl.DataFrame:
    """The table of results."""
    return store.scan(table_uri(settings.lake_uri, names.RESULTS)).collect()


def _documents(settings: Settings) -> list[documents.Document]:
    return documents.find(settings.documents, names.TOPIC_RESULTS)


def published(settings: Settings) -> pl.DataFrame:
    """The last message of each key of the topic: user, start of the window, probability."""
    schemas, last = SchemaClient(Address.of(settings)), dict[bytes, dict[str, object]]()

    def visit(message: Message) -> None:
        value = message.value() or b""
        row = avro_schemas.read(value, schemas.schema(avro_schemas.schema_id(value)))
        last[message.key() or b""] = row

    kafka.read_all(settings.kafka, names.TOPIC_RESULTS, visit)
    rows = [(one["user_id"], one["window_start"], one["probability"]) for one in last.values()]
    kinds: dict[str, pl.DataType] = {**_KEYS, "probability": pl.Float64()}
    return pl.DataFrame(rows, schema=kinds, orient="row").sort(KEY)


def users(settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Users as the lake has them, and as the database has them."""
    kept = store.scan(table_uri(settings.lake_uri, names.USERS)).select(USER).collect()
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(USER)} FROM {names.MYSQL_USERS}")
        held = pl.DataFrame(cursor.fetchall(), schema=kept.schema, orient="row")
    return kept.sort("id"), held.sort("id")


def _lost(settings: Settings, visits: Visits) -> int:
    """Confirmed changes of a user that its messages do not have in this order.

    The topic is compacted: of a user only the latest of several changes may be left, so only those
    since its first message that is left count.
    """
    said = dict[int, list[int | None]]()

    def visit(message: Message) -> None:
        if not message.value():
            return
        row = json.loads(message.value() or b"")
        is_gone = row.get("__deleted") == "true"
        said.setdefault(row["id"], []).append(None if is_gone else row["nb_orders"])

    kafka.read_all(settings.kafka, names.TOPIC_USERS, visit)
    made = dict[int, list[int | None]]()
    for user, orders in visits.changes:
        made.setdefault(user, []).append(orders)
    return sum(not _contains(said.get(user, []), wanted) for user, wanted in made.items())


def _contains(said: list[int | None], wanted: list[int | None]) -> bool:
    """Whether `wanted` is in `said` in this order, whatever is between."""
    rest = iter(said)
    return all(any(one == other for other in rest) for one in wanted)


def _missing(wanted: pl.DataFrame, visits: Visits) -> int:
    counted = wanted.select(pl.sum_horizontal(VIEWS).sum()).item() // SLIDES
    return int(max(0, visits.sent - counted))


def _check(what: str, found: object, wanted: object) -> int:
    said = "as it must be" if found == wanted else f"DIFFERENT from {wanted}"
    print(f"{what}: {found}, {said}", flush=True)
    return int(found != wanted)
