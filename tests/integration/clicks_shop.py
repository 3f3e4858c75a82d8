"""The shop of the tests of clicks: its worker of Kafka Connect, its database, and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from confluent_kafka import Message

from cdrlake.clicks import connector, position
from cdrlake.services.connect import ConnectWorker
from cdrlake.services.jars import Java
from flaskapp.clicks import shop
from lakehouse import kafka, mysql
from lakehouse.children import die_with_parent
from lakehouse.domains.clicks import names
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from tests.integration.conftest import wait_for


class Connect:
    """A worker that can be killed and started again, and is told of connectors by HTTP."""

    def __init__(self, site: Settings, java: Java, cache: Path) -> None:
        self._worker = ConnectWorker(site.connect, site.kafka, site.state, cache, java)
        self._variables = connector.variables(site, shop.account(site))
        self._url = f"http://{site.connect.host}:{site.connect.port}"
        self.start()

    def start(self) -> None:
        self.child = self._worker.start(self._variables)
        wait_for(lambda: self._worker.healthy() or not self.child.alive, "Connect to answer")
        assert self.child.alive, self.child.tail(20)

    def ask(self, place: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}{place}", body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def post(self, file: Path) -> None:
        """What `http :8083/connectors @file` does."""
        assert self.ask("/connectors", file.read_bytes())["name"] == "mysql-source"
        wait_for(self._runs, "the connector to run")

    def _runs(self) -> bool:
        found = self.ask("/connectors/mysql-source/status")
        states = [found["connector"]["state"], *(task["state"] for task in found["tasks"])]
        assert "FAILED" not in states, found
        return states == ["RUNNING"] * 2


def sql(site: Settings, statement: str, *values: object) -> None:
    with mysql.connect(site.mysql) as connection, mysql.transaction(connection) as cursor:
        cursor.execute(statement, values)


def rows(site: Settings, table: str) -> pl.DataFrame:
    return pl.read_delta(table_uri(site.lake_uri, table))


def messages(site: Settings, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    found: list[tuple[bytes | None, bytes | None]] = []

    def visit(message: Message) -> None:
        found.append((message.key(), message.value()))

    kafka.read_all(site.kafka, topic, visit)
    return found


def changes_to(site: Settings, number: int, ready: Callable[[int], bool]) -> None:
    """Wait until the topic has changes of a user."""
    wanted = json.dumps({"id": number}, separators=(",", ":")).encode()

    def arrived() -> bool:
        return ready(sum(key == wanted for key, _ in messages(site, names.TOPIC_USERS)))

    wait_for(arrived, f"changes of user {number}")


def kill(connect: Connect) -> None:
    os.kill(connect.child.pid, signal.SIGKILL)
    wait_for(lambda: not connect.child.alive, "the end of the worker")


def administer(site: Settings, *statements: str) -> None:
    with mysql.connect(site.mysql, admin=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def forget_log_readers(site: Settings) -> None:
    """End the database's side of connections that read its binary log.

    It notices a dead reader only when it next writes to it, and purges no log that is being read.
    """

    def readers() -> list[int]:
        with mysql.connect(site.mysql, admin=True) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW PROCESSLIST")
            return [row[0] for row in cursor.fetchall() if str(row[4]).startswith("Binlog Dump")]

    administer(site, *(f"KILL CONNECTION {number}" for number in readers()))
    wait_for(lambda: readers() == [], "the database to let go of the worker")


def purge_logs(site: Settings) -> str:
    """Leave the database with the newest of its binary logs, and name that."""
    administer(site, "FLUSH BINARY LOGS")
    newest = position.logs(site)[-1]

    def purged() -> bool:
        # Without an error, a log is kept while a reader has it or a checkpoint is to come.
        administer(site, f"PURGE BINARY LOGS TO '{newest}'")
        return position.logs(site) == [newest]

    wait_for(purged, "the database to purge its logs")
    return newest


def typed(site: Settings, words: str) -> str:
    """What `cdrlake ...` says on this installation."""
    assert site.mysql.password is not None
    values = {
        "STATE_DIR": site.state_dir,
        "LAKE__URI": site.lake.uri,
        "KAFKA__PORT": site.kafka.port,
        "MYSQL__PORT": site.mysql.port,
        "MYSQL__DATABASE": site.mysql.database,
        "MYSQL__PASSWORD": site.mysql.password.get_secret_value(),
        "SCHEMAS__PORT": site.schemas.port,
    }
    own = {f"CDRLAKE_{name}": str(value) for name, value in values.items()}
    command = [sys.executable, "-m", "cdrlake.cli", *words.split()]
    done = subprocess.run(
        command, env=os.environ | own, capture_output=True, text=True,
        preexec_fn=die_with_parent(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout
