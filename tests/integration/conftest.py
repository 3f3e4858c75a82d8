"""A real broker and a real database, started once for all integration tests."""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from cdrlake import secrets
from cdrlake.services import jars
from cdrlake.services.jars import Jars, Java
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.mysql import MySqlServer
from cdrlake.services.ports import free_ports
from cdrlake.services.process import Child
from cdrlake.waiting import patiently
from flaskapp import database as schema
from flaskapp.cdr import loader
from lakehouse import kafka, mysql
from lakehouse.domains.cdr import CDR
from lakehouse.domains.settings import Settings, load
from lakehouse.settings import ROOT
from monitoring.analysis import fitted
from tests.integration import monitoring_data
from tests.integration.simulator import Service


def wait_for(condition: Callable[[], bool], what: str, patience_s: float = 60.0) -> None:
    """Wait until `condition` holds, on a slow machine for longer."""
    patiently(condition, what, patience_s)


@pytest.fixture
def fits_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Monitoring fits the made-up reference once for all tests."""
    monkeypatch.setattr(fitted, "fit", monitoring_data.fit_once)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs a browser: on Debian `apt-get install chromium`")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def java() -> Java:
    return jars.find_java()


@pytest.fixture(scope="session")
def resolved(java: Java) -> Jars:
    return jars.resolve(ROOT / ".cache", ROOT / "conf", java, print)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a scratch installation; child processes inherit them by environment."""
    state = tmp_path_factory.mktemp("installation")
    listening = ("KAFKA", "MYSQL", "SIMULATOR", "MONITORING", "SERVING")
    ports = [f"{name}__PORT" for name in listening] + ["KAFKA__CONTROLLER_PORT"]
    values = {
        "STATE_DIR": str(state / "state"),
        "MONITORING__OUTPUT_DIR": str(state / "output"),
        "WORLD__SUBSCRIBERS": "50",
        **dict(zip(ports, map(str, free_ports(6)), strict=True)),
        **_other_database(),
    }
    before = dict(os.environ)
    os.environ.update({f"CDRLAKE_{name}": value for name, value in values.items()})
    yield secrets.ensure(load())
    os.environ.clear()
    os.environ.update(before)


def _other_database() -> dict[str, str]:
    """A server of one's own instead of the embedded one: its port and its administrator's word.

    `TEST_MYSQL_PORT=3306 TEST_MYSQL_PASSWORD=... make test-integration`
    """
    port = os.environ.get("TEST_MYSQL_PORT")
    if port is None:
        return {}
    admin = os.environ["TEST_MYSQL_PASSWORD"]
    return {
        "MYSQL__EMBEDDED": "false",
        "MYSQL__PORT": port,
        "MYSQL__ADMIN_PASSWORD": admin,
        "MYSQL__PASSWORD": uuid.uuid4().hex,
    }


@pytest.fixture(scope="session")
def broker(settings: Settings, java: Java, resolved: Jars) -> Iterator[KafkaBroker]:
    """A running broker with all topics; its process is `broker_process`."""
    server = KafkaBroker(settings.kafka, settings.state, resolved.kafka, java)
    child = server.start()
    try:
        wait_for(server.healthy, "the broker")
        kafka.create_topics(settings.kafka, CDR.topics)
        yield server
    finally:
        _stop_all(settings.state, child)


@pytest.fixture(scope="session")
def database(settings: Settings, resolved: Jars) -> Iterator[Settings]:
    """A running database with all tables; the value is the settings that reach it."""
    if not settings.mysql.embedded:
        schema.initialise(settings)
        yield settings
        return
    server = MySqlServer(settings.mysql, settings.state, resolved.mariadb, settings.cache)
    child = server.start()
    try:
        wait_for(server.healthy, "the database")
        schema.initialise(settings)
        yield settings
    finally:
        _stop_all(settings.state, child)


@pytest.fixture
def fresh(database: Settings) -> Iterator[Settings]:
    """Settings of an empty database of its own on the running server."""
    name = f"Test{uuid.uuid4().hex[:8]}"
    own = database.model_copy(
        update={"mysql": database.mysql.model_copy(update={"database": name})}
    )
    schema.initialise(own)
    yield own
    with mysql.connect(own.mysql, admin=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE `{name}`")


def _stop_all(state: Path, child: Child) -> None:
    child.stop(20)
    assert threading.main_thread().is_alive()
    assert not child.alive, state


@pytest.fixture
def with_history(fresh: Settings) -> Settings:
    """A database with twenty days of history and four days to replay."""
    world = fresh.world.model_copy(update={"subscribers": 50, "history_days": 20, "replay_days": 4})
    small = fresh.model_copy(update={"world": world})
    loader.load_history(small)
    return small


@pytest.fixture
def service(with_history: Settings) -> Iterator[Service]:
    made = Service(with_history)
    yield made
    made.parts.runner.close()
