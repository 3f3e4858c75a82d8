"""What Kafka Connect is told: the broker's access, the names of topics, and no secret in a file."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from cdrlake.clicks import connector, position
from cdrlake.services import jars
from cdrlake.services.connect import ConnectWorker
from cdrlake.services.jars import DownloadError, Java
from flaskapp.clicks import shop
from lakehouse import mysql
from lakehouse.domains.settings import Settings
from lakehouse.errors import (
    EXIT_FAILED,
    EXIT_PERMANENT,
    DatabaseError,
    ServiceError,
    SettingsError,
    UnreachableError,
)
from lakehouse.kafka_options import java_options

SECRET = 'p"\n;é'
JAVA = Java(Path("/usr/bin/java"), 17)


def made(state: Path, **kafka: Any) -> Settings:
    own = {"embedded": False, "bootstrap": ["b:1"], **kafka}
    return Settings.model_validate({"kafka": own, "state_dir": str(state)})


def secured(state: Path) -> Settings:
    login = {"mechanism": "PLAIN", "username": "alice", "password": SECRET}
    return made(state, security={"protocol": "SASL_SSL", **login})


@pytest.fixture
def no_jars(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(jars, "resolve_extra", lambda *_: tmp_path / "jars")


def lines_of(worker: ConnectWorker) -> dict[str, str]:
    text = (worker.home / "worker.properties").read_text(encoding="utf-8")
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.usefixtures("no_jars")
def test_every_client_of_the_worker_has_access_and_only_its_environment_holds_secrets(
    tmp_path: Path,
) -> None:
    settings = secured(tmp_path)
    file = connector.definition(settings)
    worker = ConnectWorker(settings.connect, settings.kafka, tmp_path, tmp_path, JAVA, (file,))
    command, env = worker.prepare(), worker.environment({"CDC_HOST": "h"})
    properties = lines_of(worker)

    def resolved(text: str) -> str:
        return env[text.removeprefix("${env:").removesuffix("}")]

    wanted = java_options(settings.kafka)
    assert SECRET not in wanted["sasl.jaas.config"]  # it is quoted there
    history = json.loads(file.read_text())["config"]
    for name in wanted.keys() - {"bootstrap.servers"}:
        for client in ("", "producer.", "consumer.", "admin."):
            assert resolved(properties[f"{client}{name}"]) == wanted[name]
        for client in ("producer", "consumer"):
            told = history[f"schema.history.internal.{client}.{name}"]
            assert resolved(told) == wanted[name]
    assert "PlainLoginModule" in env["KAFKA_SASL_JAAS_CONFIG"]
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 3
    assert not any("PlainLoginModule" in text for text in [*written, *command])
    assert env["CDC_HOST"] == "h"


def test_changes_go_to_the_topics_that_the_broker_has_under_those_names(tmp_path: Path) -> None:
    names = {"mysql.demo.users": "shop.users", "mysql.schema-history": "shop.history"}
    told = connector.variables(made(tmp_path, topics=names), "x")
    config = json.loads(connector.SOURCE.read_text())["config"]
    for key, name in (
        ("transforms.rename.replacement", "shop.users"),
        ("schema.history.internal.kafka.topic", "shop.history"),
    ):
        assert told[config[key].removeprefix("${env:").removesuffix("}")] == name
    assert config["transforms"].split(",")[-1] == "rename"
    plain = connector.variables(made(tmp_path), "x")
    assert plain["CDC_TOPIC_USERS"] == "mysql.demo.users"


def test_every_variable_that_the_connector_names_has_a_value(tmp_path: Path) -> None:
    named = connector.SOURCE.read_text().split("${env:")[1:]
    assert {one.partition("}")[0] for one in named} == set(connector.variables(made(tmp_path), "x"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnreachableError("database", "a connection", "none", "wait"), EXIT_FAILED),
        (mysql.OperationalError("the connection was lost"), EXIT_FAILED),
        (DownloadError.sentence("The jars could not be fetched."), EXIT_FAILED),
        (SettingsError.sentence("A setting is wrong."), EXIT_PERMANENT),
        (DatabaseError.sentence("The database has no such table."), EXIT_PERMANENT),
        (ServiceError.sentence("The log was purged."), EXIT_PERMANENT),
    ],
)
def test_only_what_stays_wrong_ends_the_worker_for_good(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Settings) -> None:
        raise error

    monkeypatch.setattr(connector, "load", Settings)
    monkeypatch.setattr(shop, "prepare", fail)
    with pytest.raises(SystemExit) as ended:
        connector.main()
    assert ended.value.code == code


def test_jars_that_cannot_be_fetched_may_be_fetched_later(tmp_path: Path) -> None:
    failing = Java(Path("/bin/false"), 17)
    with pytest.raises(DownloadError, match=r"ivy-connect\.xml could not be fetched"):
        jars.resolve_extra("connect", tmp_path, jars.CONF, failing, print)


def test_a_position_is_not_reset_while_a_worker_of_another_machine_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as worker:
        place = {"port": worker.getsockname()[1]}
        settings = Settings.model_validate({"connect": place, "state_dir": str(tmp_path)})
        with pytest.raises(ServiceError, match=f"running at 127.0.0.1:{place['port']}; stop it"):
            position.resnapshot(settings)
