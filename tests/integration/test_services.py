"""The embedded servers: they survive kill -9, leave nothing behind, and refuse clearly."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil
import pytest
from pydantic import SecretStr

from cdrlake.services import jars
from cdrlake.services.jars import Jars, Java
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.mysql import MySqlServer, _explain
from cdrlake.services.ports import free_ports, require_free_port
from cdrlake.services.process import Child, tree
from lakehouse import kafka, mysql
from lakehouse.domain import Topic
from lakehouse.errors import ServiceError
from lakehouse.settings import ROOT
from lakehouse.settings.kafka import KafkaSettings
from lakehouse.settings.model import MysqlSettings
from tests.integration.conftest import wait_for


class Server(Protocol):
    def start(self) -> Child: ...

    def healthy(self) -> bool: ...


def make_broker(state: Path, resolved: Jars, java: Java) -> KafkaBroker:
    port, controller = free_ports(2)
    settings = KafkaSettings(port=port, controller_port=controller)
    return KafkaBroker(settings, state, resolved.kafka, java)


def make_database(state: Path, resolved: Jars) -> MySqlServer:
    secret = SecretStr("it's \\ secret")
    settings = MysqlSettings(port=free_ports(1)[0], admin_password=secret, password=secret)
    return MySqlServer(settings, state, resolved.mariadb, ROOT / ".cache")


def kill_and_restart(server: Server, before: Callable[[], None]) -> Child:
    first = server.start()
    wait_for(server.healthy, "the first start")
    before()
    os.kill(first.pid, signal.SIGKILL)
    wait_for(lambda: not first.alive, "the kill")
    second = server.start()
    wait_for(server.healthy, "the second start")
    return second


def test_the_broker_keeps_its_topics_over_kill_9(
    tmp_path: Path, resolved: Jars, java: Java
) -> None:
    server = make_broker(tmp_path, resolved, java)
    child = kill_and_restart(server, lambda: kafka.create_topics(server.settings, [Topic("kept")]))
    try:
        assert kafka.message_count(server.settings, "kept") == 0
    finally:
        processes = tree(child.pid)
        child.stop(20)
    assert not any(process.is_running() for process in processes)


def test_nobody_else_may_read_what_the_database_writes(tmp_path: Path, resolved: Jars) -> None:
    server = make_database(tmp_path, resolved)
    child = server.start()
    try:
        wait_for(server.healthy, "the database")
        with mysql.connect(server.settings, admin=True) as connection:
            connection.cursor().execute("CREATE USER a@'127.0.0.1' IDENTIFIED BY 'plain to see'")
        holding = [
            path
            for path in (server.home / "data").rglob("*")
            if path.is_file() and b"plain to see" in path.read_bytes()
        ]
        assert [path.name[:6] for path in holding] == ["binlog"]
        assert [stat.S_IMODE(path.stat().st_mode) for path in holding] == [0o600]
    finally:
        child.stop(20)


def test_the_database_keeps_its_rows_over_kill_9(tmp_path: Path, resolved: Jars) -> None:
    server = make_database(tmp_path, resolved)

    def write() -> None:
        with mysql.connect(server.settings, admin=True) as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE DATABASE kept")
            cursor.execute("CREATE TABLE kept.t (x INT PRIMARY KEY)")
            cursor.execute("INSERT INTO kept.t VALUES (7)")
            connection.commit()

    child = kill_and_restart(server, write)
    try:
        with mysql.connect(server.settings, admin=True) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT x FROM kept.t")
            assert cursor.fetchall() == [(7,)]
            cursor.execute("SELECT User, Host FROM mysql.global_priv WHERE User <> 'mariadb.sys'")
            assert cursor.fetchall() == [("root", "127.0.0.1")]
        arguments = " ".join(psutil.Process(child.pid).cmdline())
        assert "secret" not in arguments
    finally:
        child.stop(20)


def test_a_half_made_data_folder_is_made_again(tmp_path: Path, resolved: Jars) -> None:
    server = make_database(tmp_path, resolved)
    (server.home / "data.partial").mkdir(parents=True)
    child = server.start()
    try:
        wait_for(server.healthy, "the database")
    finally:
        child.stop(20)


def test_a_second_start_is_refused_and_disturbs_nothing(
    tmp_path: Path, resolved: Jars, java: Java
) -> None:
    first = make_broker(tmp_path, resolved, java)
    child = first.start()
    try:
        wait_for(first.healthy, "the broker")
        properties = (first.home / "server.properties").read_text()
        with pytest.raises(ServiceError, match=f"kafka on .*pid {child.pid}"):
            make_broker(tmp_path, resolved, java).start()
        assert (first.home / "server.properties").read_text() == properties
        assert first.healthy()
    finally:
        child.stop(20)


def test_a_deep_folder_with_a_space_is_fine(tmp_path: Path, resolved: Jars) -> None:
    server = make_database(tmp_path / "my files" / ("d" * 100), resolved)
    child = server.start()
    try:
        wait_for(server.healthy, "the database")
    finally:
        child.stop(20)


def test_a_missing_library_names_its_package() -> None:
    line = "mariadbd: error while loading shared libraries: libcrypt.so.1: cannot open it"
    assert _explain(line) == (
        "no shared library libcrypt.so.1",
        "on Debian `apt-get install libcrypt1`",
    )


def test_a_taken_port_is_named_with_its_owner_and_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=rf"port {port}.*pid {os.getpid()}.*kafka\.port"):
            require_free_port("127.0.0.1", port, "kafka.port")


def test_resolved_jars_are_not_resolved_again(resolved: Jars, java: Java) -> None:
    said: list[str] = []
    again = jars.resolve(ROOT / ".cache", ROOT / "conf", java, said.append)
    assert (again, said) == (resolved, [])
    assert any(resolved.spark.glob("delta-spark_*.jar"))
