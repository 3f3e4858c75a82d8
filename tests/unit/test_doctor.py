"""What the check of the machine finds: a healthy installation is no fault of the machine."""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdrlake import doctor
from cdrlake.console import Steps
from cdrlake.services.ports import free_ports
from cdrlake.services.process import Child, Command
from cdrlake.stack import Stack
from cdrlake.waiting import Waiter
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError

# The process that listens is a child of the one that was started, as a server of a launcher.
LISTENS = """
import subprocess, sys
listen = "import signal, socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])))"
wait = "print('up', flush=True); signal.pause()"
subprocess.run([sys.executable, "-c", f"{listen}; {wait}", sys.argv[1]])
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    numbers = iter(free_ports(6))
    listening = ("simulator", "monitoring", "serving", "mysql")
    ports = {name: {"port": next(numbers)} for name in listening}
    kafka = {"port": next(numbers), "controller_port": next(numbers)}
    return Settings.model_validate({"state_dir": str(tmp_path), **ports, "kafka": kafka})


@pytest.fixture
def listening(settings: Settings) -> Iterator[Child]:
    command = [sys.executable, "-c", LISTENS, str(settings.mysql.port)]
    child = Child(Command("mysql", command), settings.state)
    try:
        Waiter(SystemClock(), 20, lambda: None).until(
            lambda: "up" in child.log.read_text() or None, "the listener", 0.02
        )
        yield child
    finally:
        child.stop(5)


def finding(settings: Settings, name: str) -> doctor.Finding:
    return next(found for found in doctor.examine(settings) if found.name == name)


def test_a_port_that_this_installation_holds_is_no_fault(
    settings: Settings, listening: Child
) -> None:
    found = finding(settings, f"port {settings.mysql.port}")
    assert (found.ok, found.detail) == (True, "held by mysql of this installation")
    assert finding(settings, f"port {settings.kafka.port}").detail == "free"


def test_a_port_that_somebody_else_holds_is_one(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.mysql.port)):
        found = finding(settings, f"port {settings.mysql.port}")
    assert not found.ok
    assert "mysql.port" in found.detail


@pytest.mark.parametrize(("mysql", "kafka", "fits"), [(True, False, False), (False, False, True)])
def test_the_platform_matters_only_where_a_server_is_embedded(
    mysql: bool, kafka: bool, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    parts = {"mysql": {"embedded": mysql}, "kafka": {"embedded": kafka}}
    found = finding(Settings.model_validate(parts), "platform")
    assert found.ok is fits
    assert "aarch64" in found.detail


def test_the_servers_alone_do_not_need_the_ports_of_the_services(settings: Settings) -> None:
    servers = {port for _, port, _ in doctor.server_ports(settings)}
    services = {port for _, port, _ in doctor.service_ports(settings)}
    assert services == {
        settings.simulator.port,
        settings.monitoring.port,
        settings.serving.port,
    }
    assert servers == {settings.mysql.port, settings.kafka.port, settings.kafka.controller_port}


def test_a_taken_port_of_a_service_stops_the_whole_but_not_the_servers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = []
    monkeypatch.setattr("cdrlake.stack.jars.fetch", lambda *_: reached.append("jars"))
    monkeypatch.setattr(Stack, "_servers", lambda _: reached.append("servers"))
    with socket.create_server(("127.0.0.1", settings.simulator.port)):
        with pytest.raises(ServiceError, match=r"simulator\.port"):
            Stack(settings, Steps()).start()
        assert reached == []
        Stack(settings, Steps()).start_servers()
    assert reached == ["jars", "servers"]
