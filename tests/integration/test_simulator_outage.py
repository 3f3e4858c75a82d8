"""Database, then broker, go away in mid-stream: the stream waits it out and loses nothing."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import Message

from cdrlake import secrets
from cdrlake.services.jars import Jars, Java
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.mysql import MySqlServer
from cdrlake.services.process import Child
from flaskapp import database
from flaskapp.app import create_app
from flaskapp.cdr import loader
from flaskapp.domains import sources
from flaskapp.parts import assemble
from lakehouse import kafka, mysql
from lakehouse.clock import SystemClock
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600)]
OUTAGE_S = float(os.environ.get("OUTAGE_SECONDS", "4"))
ROWS, BATCHES = 500, int(OUTAGE_S * 2) + 8


@dataclass
class Servers:
    """A broker and a database that belong to this test, to be stopped and started."""

    settings: Settings
    makers: dict[str, MySqlServer | KafkaBroker]
    running: dict[str, Child]
    pause: threading.Event

    def start(self, name: str) -> None:
        """Start one and wait until it answers."""
        self.running[name] = self.makers[name].start()
        while not self.makers[name].healthy():
            self.pause.wait(0.1)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """One of them is away for the length of the block."""
        self.running.pop(name).stop(20)
        yield
        self.start(name)


@pytest.fixture
def servers(
    tmp_path_factory: pytest.TempPathFactory, java: Java, resolved: Jars
) -> Iterator[Servers]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    values: dict[str, Any] = {
        "state_dir": str(tmp_path_factory.mktemp("outage")),
        "kafka": {"port": ports[0], "controller_port": ports[1]},
        "mysql": {"port": ports[2], "password": "application", "admin_password": "administrator"},
        "world": {"subscribers": 50, "history_days": 5, "replay_days": 0},
    }
    settings = secrets.ensure(Settings.model_validate(values))
    broker = KafkaBroker(settings.kafka, settings.state, resolved.kafka, java)
    server = MySqlServer(settings.mysql, settings.state, resolved.mariadb, settings.cache)
    made = Servers(settings, {"kafka": broker, "mysql": server}, {}, threading.Event())
    try:
        for name in made.makers:
            made.start(name)
        kafka.create_topics(settings.kafka, CDR.topics)
        database.initialise(settings)
        loader.load_history(settings)
        yield made
    finally:
        for child in made.running.values():
            child.stop(20)


def ids_of(settings: Settings) -> tuple[set[str], set[str]]:
    """Event ids in MySQL and in Kafka."""
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT CONCAT(stream_id, ':', sequence) FROM {names.MYSQL_RAW}")
        stored = {row[0] for row in cursor.fetchall()}
    published: set[str] = set()

    def keep(message: Message) -> None:
        published.add(json.loads(message.value() or b"{}")["event_id"])

    kafka.read_all(settings.kafka, names.TOPIC_EVENTS, keep)
    return stored, published


def test_an_outage_of_either_server_degrades_the_stream_and_loses_nothing(servers: Servers) -> None:
    settings, clock, stop = servers.settings, SystemClock(), threading.Event()
    parts = assemble(settings, clock, sources(settings, clock), stop)
    runner, relay, http = parts.runner, parts.relay, create_app(parts).test_client()
    relaying = threading.Thread(target=relay.run)
    relaying.start()

    def stream() -> dict[str, Any]:
        found: dict[str, Any] = http.get(f"/streams/{stream_id}").get_json()
        return found

    try:
        body = {"batch_size": ROWS, "num_batches": BATCHES, "interval": 1}
        stream_id = http.post("/start_stream", json=body).get_json()["stream_id"]
        while stream()["sent_batches"] < 2:
            servers.pause.wait(0.1)
        with servers.without("mysql"):
            assert http.get("/health").get_json()["status"] == "degraded"
            while runner.trouble is None:
                servers.pause.wait(0.1)
            servers.pause.wait(OUTAGE_S)
        while stream()["state"] != "running":
            servers.pause.wait(0.1)
        with servers.without("kafka"):
            while stream()["state"] != "degraded":
                servers.pause.wait(0.1)
            before = stream()["sent_rows"]
            while stream()["sent_rows"] == before:
                servers.pause.wait(0.1)
            servers.pause.wait(OUTAGE_S)
        while stream()["state"] != "finished":
            servers.pause.wait(0.1)
        while http.get("/health").get_json()["backlog"]["rows"]:
            servers.pause.wait(0.1)
        assert stream()["sent_rows"] == ROWS * BATCHES
    finally:
        runner.close()
        stop.set()
        relaying.join(30)
    stored, published = ids_of(settings)
    assert stored == published
    assert sum(event_id.startswith(stream_id) for event_id in stored) == ROWS * BATCHES
