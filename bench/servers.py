"""A broker and a database of their own for a measurement, on ports that nobody uses."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from cdrlake.services import jars
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.mysql import MySqlServer
from cdrlake.services.ports import free_ports
from cdrlake.waiting import Waiter
from flaskapp import database
from lakehouse import kafka, mysql, names
from lakehouse.clock import SystemClock
from lakehouse.settings import ROOT, Settings, load

PATIENCE_S = 120.0


@contextmanager
def running(with_broker: bool = False) -> Iterator[Settings]:
    """Settings that reach a running database, and a broker with all topics if asked for."""
    with tempfile.TemporaryDirectory(prefix="cdrlake-bench-") as folder, ExitStack() as stack:
        settings = _settings(Path(folder))
        java = jars.find_java()
        resolved = jars.resolve(settings.cache, ROOT / "conf", java, print)
        servers: list[MySqlServer | KafkaBroker] = [
            MySqlServer(settings.mysql, settings.state, resolved.mariadb, settings.cache)
        ]
        if with_broker:
            servers.append(KafkaBroker(settings.kafka, settings.state, resolved.kafka, java))
        for server in servers:
            child = server.start()
            stack.callback(child.stop, 60)
            waiter = Waiter(SystemClock(), PATIENCE_S, lambda: None)
            waiter.until(lambda s=server: True if s.healthy() else None, "a server")  # type: ignore[misc]
        if with_broker:
            kafka.create_topics(settings.kafka, names.TOPICS)
        yield settings


@contextmanager
def schema(settings: Settings, **world: Any) -> Iterator[Settings]:
    """Settings of a new, empty database on the running server, with this world."""
    name = f"Bench{uuid.uuid4().hex[:8]}"
    own = settings.model_copy(
        update={
            "mysql": settings.mysql.model_copy(update={"database": name}),
            "world": settings.world.model_copy(update=world),
        }
    )
    database.initialise(own)
    yield own
    with mysql.connect(own.mysql, admin=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE `{name}`")


def _settings(folder: Path) -> Settings:
    base, ports = load(), free_ports(3)
    # Passwords of its own, made anew: those of an installation are not for a measurement.
    secret = {
        "password": SecretStr(uuid.uuid4().hex),
        "admin_password": SecretStr(uuid.uuid4().hex),
    }
    place = {"port": ports[0], "controller_port": ports[1]}
    return base.model_copy(
        update={
            "state_dir": str(folder),
            "kafka": base.kafka.model_copy(update=place),
            "mysql": base.mysql.model_copy(update={"port": ports[2]} | secret),
        }
    )
