"""The embedded registry, asked by the real client, and messages whose schemas it knows or not."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr

from lakehouse.contracts import Contract, Field, bronze, quarantine
from lakehouse.domain import Feed
from lakehouse.errors import AccessError, ContractError
from lakehouse.http import server
from lakehouse.names import QueryIdentity
from lakehouse.schema_registry import avro_schemas
from lakehouse.schema_registry.app import create_app
from lakehouse.schema_registry.client import (
    Address,
    NoAnswerError,
    SchemaClient,
    UnknownSchemaError,
)
from lakehouse.schema_registry.registry import SchemaRegistry
from lakehouse.settings import Settings
from lakehouse.settings.model import ApiSettings
from pyspark_jobs.ingest.batch_writer import BatchWriter
from pyspark_jobs.ingest.rules import Rules

PATIENCE_S = 30.0
CLICK = {
    "type": "record",
    "name": "click",
    "fields": [
        {"name": "user_id", "type": "string"},
        {"name": "ts", "type": "long"},
        {"name": "event", "type": "string"},
    ],
}
WITH_PAGE = {
    **CLICK,
    "fields": [*CLICK["fields"], {"name": "page", "type": ["null", "string"], "default": None}],
}
NUMBERED = {**CLICK, "fields": [{"name": "user_id", "type": "int"}, *CLICK["fields"][1:]]}


class MemoryLog:
    """Registrations that outlive a registry, though not the process."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def read(self, visit: Callable[[dict[str, Any]], None]) -> None:
        for entry in self.entries:
            visit(entry)

    def append(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def url(log: MemoryLog) -> Iterator[str]:
    app = create_app(Settings(), SchemaRegistry(log))
    with server.serving(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


def test_the_real_client_registers_finds_and_is_refused(url: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client's own dependencies warn at import
        from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
        from confluent_kafka.schema_registry.error import SchemaRegistryError

    client = SchemaRegistryClient({"url": url})
    schema = Schema(json.dumps(CLICK), "AVRO")
    number = client.register_schema("events-value", schema)
    assert client.register_schema("events-value", schema) == number
    assert json.loads(client.get_schema(number).schema_str or "") == CLICK
    assert client.get_subjects() == ["events-value"]
    assert client.lookup_schema("events-value", schema).version == 1
    assert client.test_compatibility("events-value", Schema(json.dumps(WITH_PAGE), "AVRO"))
    with pytest.raises(SchemaRegistryError) as refused:
        client.register_schema("events-value", Schema(json.dumps(NUMBERED), "AVRO"))
    assert refused.value.http_status_code == 409
    client.register_schema("events-value", Schema(json.dumps(WITH_PAGE), "AVRO"))
    assert client.get_versions("events-value") == [1, 2]
    assert client.get_latest_version("events-value").version == 2
    with pytest.raises(SchemaRegistryError) as refused:
        client.get_schema(99)
    assert refused.value.http_status_code == 404


def test_a_registry_that_starts_again_knows_what_it_knew(log: MemoryLog) -> None:
    first = SchemaRegistry(log)
    one = first.register("a", json.dumps(CLICK))
    first.set_level("NONE", "a")
    two = first.register("a", json.dumps(NUMBERED))
    again = SchemaRegistry(log)
    assert again.versions("a") == [one, two]
    assert (again.level("a"), again.level("b")) == ("NONE", "BACKWARD")
    assert again.register("b", json.dumps(CLICK)).id == one.id


def test_a_record_that_holds_itself_has_a_second_version(log: MemoryLog) -> None:
    following = {"name": "next", "type": ["null", "click"], "default": None}
    first = {**CLICK, "fields": [*CLICK["fields"], following]}
    second = {**WITH_PAGE, "fields": [*WITH_PAGE["fields"], following]}
    registry = SchemaRegistry(log)
    assert registry.register("a", json.dumps(first)).version == 1
    assert registry.register("a", json.dumps(second)).version == 2


def test_what_is_no_avro_schema_is_refused(url: str) -> None:
    for schema in ({"type": "record"}, {"type": "nothing"}):
        with pytest.raises(ContractError, match="no Avro schema"):
            SchemaClient(Address(url)).register("a", schema)


class SlowLog(MemoryLog):
    """A log that takes nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def append(self, entry: dict[str, Any]) -> None:
        self.begun.set()
        assert self.go_on.wait(PATIENCE_S)
        super().append(entry)


def test_what_is_known_is_answered_while_a_registration_waits_for_its_log() -> None:
    log = SlowLog()
    text = avro_schemas.canonical(CLICK)
    log.entries.append({"subject": "a", "version": 1, "id": 1, "schema": text})
    registry = SchemaRegistry(log)
    known = registry.versions("a")[0]
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(registry.register, "a", json.dumps(WITH_PAGE))
        assert log.begun.wait(PATIENCE_S)
        try:
            assert pool.submit(registry.subjects).result(PATIENCE_S) == ["a"]
            assert pool.submit(registry.by_id, 1).result(PATIENCE_S) == known.schema
            again = pool.submit(registry.register, "a", json.dumps(CLICK))
            assert again.result(PATIENCE_S) == known
        finally:
            log.go_on.set()
        assert waiting.result().version == 2


MESSAGE = Contract(
    "clicks",
    (
        Field("user_id", "string", "who"),
        Field("ts", "timestamp", "when"),
        Field("event", "string", "what"),
    ),
    key=("user_id",),
)
FEED = Feed(
    QueryIdentity("j", "bronze.c", 1), "clicks", MESSAGE, bronze("bronze.c", MESSAGE),
    quarantine("quarantine.c"),
)  # fmt: skip
NOW = datetime(2026, 1, 2, tzinfo=UTC)
MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def parsed(url: str, *values: bytes | None) -> pl.DataFrame:
    """What ingest makes of messages with these values."""
    wire = pl.DataFrame(
        {
            "key": [b"k"] * len(values),
            "value": list(values),
            "topic": ["clicks"] * len(values),
            "partition": [0] * len(values),
            "offset": list(range(len(values))),
            "kafka_timestamp": [NOW] * len(values),
        },
        schema_overrides={"value": pl.Binary, "partition": pl.Int32},
    )
    writer = BatchWriter(Rules(FEED, NOW), "/nowhere", {}, 0, schemas=Address(url))
    return writer._parsed(wire, writer.rules).sort("offset")


def test_avro_and_json_are_read_and_what_no_schema_explains_is_kept_as_it_came(url: str) -> None:
    client = SchemaClient(Address(url))
    good = {"user_id": "7", "ts": int(MOMENT.timestamp() * 1000), "event": "main_page"}
    number = client.register("clicks-value", CLICK)
    framed = avro_schemas.writer(number, CLICK)(good)
    other = {**CLICK, "name": "other", "fields": CLICK["fields"][:2]}
    lacking = avro_schemas.writer(client.register("other", other), other)({**good})
    unknown = avro_schemas.writer(99, CLICK)(good)
    as_json = b'{"user_id":"7","ts":"2026-01-01T12:00:00Z","event":"main_page"}'
    rows = parsed(url, framed, as_json, unknown, framed[:-3], lacking, None)
    assert rows["reasons"].to_list() == [
        None, None, "unknown_schema", "unknown_schema", "missing_field", "not_json",
    ]  # fmt: skip
    assert rows["ts"].to_list()[:2] == [MOMENT, MOMENT]
    assert rows["raw"].to_list()[2:] == [unknown, framed[:-3], lacking, None]
    assert "the registry has no schema 99" in rows["detail"][2]


def test_messages_wait_while_the_registry_does_not_answer() -> None:
    framed = avro_schemas.writer(1, CLICK)({"user_id": "7", "ts": 1, "event": "x"})
    with pytest.raises(NoAnswerError):
        parsed("http://127.0.0.1:9", framed)


def test_an_unknown_id_is_told_from_no_answer(url: str) -> None:
    with pytest.raises(UnknownSchemaError):
        SchemaClient(Address(url)).schema(5)
    assert SchemaClient(Address(url)).healthy()
    assert not SchemaClient(Address("http://127.0.0.1:9")).healthy()


def test_with_a_token_set_the_registry_asks_for_it_and_our_client_shows_it(log: MemoryLog) -> None:
    guarded = Settings(api=ApiSettings(token=SecretStr("a-token-of-this-test")))
    app = create_app(guarded, SchemaRegistry(log))
    with server.serving(app, "127.0.0.1", 0) as port:
        place = guarded.schemas.model_copy(update={"port": port})
        settings = guarded.model_copy(update={"schemas": place})
        assert SchemaClient(Address.of(settings)).register("a", CLICK) == 1
        with pytest.raises(AccessError, match=r"api\.token"):
            SchemaClient(Address(place.address)).register("a", CLICK)
    elsewhere = settings.schemas.model_copy(update={"url": "http://127.0.0.1:1"})
    other = settings.model_copy(update={"schemas": elsewhere})
    assert Address.of(other) == Address("http://127.0.0.1:1", None)
