"""What this machine has and what is missing, each with what to do about it."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cdrlake.services import jars, process
from cdrlake.services.ports import listener, require_free_port
from lakehouse.domains.settings import Settings
from lakehouse.errors import CdrlakeError, ServiceError

NEEDED_BYTES = 2 * 1024**3
# Host, port, and the key of the settings that says so.
Port = tuple[str, int, str]


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    name: str
    ok: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Check Python, platform, Java, jars, disk and ports; nothing is changed.

    A port that a process of this very installation holds is as good as a free one.
    """
    checks: list[tuple[str, Callable[[], str]]] = [
        ("Python", _python),
        ("platform", lambda: require_platform(settings)),
        ("Java", lambda: _java()),
        ("jars", lambda: _jars(settings)),
        ("disk", lambda: require_disk(settings.state)),
    ]
    own = {
        part.pid: name
        for name, child in process.find_running(settings.state).items()
        for part in process.tree(child.pid)
    }
    ports = [*service_ports(settings), *server_ports(settings)]
    checks += [(f"port {port[1]}", _port(port, own)) for port in ports]
    return [_finding(name, check) for name, check in checks]


def server_ports(settings: Settings) -> list[Port]:
    """The ports of the embedded servers."""
    found = []
    if settings.kafka.embedded:
        found.append((settings.kafka.host, settings.kafka.port, "kafka.port"))
        found.append((settings.kafka.host, settings.kafka.controller_port, "kafka.controller_port"))
    if settings.mysql.embedded:
        found.append((settings.mysql.host, settings.mysql.port, "mysql.port"))
    return found


def service_ports(settings: Settings, cluster: bool = False) -> list[Port]:
    """The ports of what uses the servers, Spark's master with `cluster`."""
    found = [
        (settings.simulator.host, settings.simulator.port, "simulator.port"),
        (settings.monitoring.host, settings.monitoring.port, "monitoring.port"),
    ]
    if cluster:
        found.append((settings.cluster.host, settings.cluster.port, "cluster.port"))
        found.append((settings.cluster.host, settings.cluster.page_port, "cluster.page_port"))
    return found


def require_platform(settings: Settings) -> str:
    """The platform; raises `ServiceError` where a server is embedded and cannot run here."""
    if settings.mysql.embedded or settings.kafka.embedded:
        jars.require_platform()
    return f"{platform.system()} {platform.machine()}"


def require_disk(folder: Path) -> str:
    """Free space under `folder`; raises `ServiceError` when it is less than the main job needs."""
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(parent).free
    if free < NEEDED_BYTES:
        raise ServiceError(
            f"disk under {parent}",
            f"{NEEDED_BYTES / 1024**3:.0f} GiB free",
            f"{free / 1024**3:.2f} GiB",
            "free some space or set state_dir to another disk",
        )
    return f"{free / 1024**3:.0f} GiB free"


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except CdrlakeError as error:
        return Finding(name, False, str(error))


def _python() -> str:
    if not (3, 11) <= sys.version_info[:2] < (3, 13):
        raise ServiceError("Python", "3.11 or 3.12", sys.version.split()[0], "make .venv with one")
    return sys.version.split()[0]


def _java() -> str:
    java = jars.find_java()
    return f"{java.major} at {java.path}"


def _jars(settings: Settings) -> str:
    return "resolved" if (settings.cache / "jars").exists() else "not yet; `cdrlake jars` gets them"


def _port(port: Port, own: Mapping[int, str]) -> Callable[[], str]:
    def check() -> str:
        holder = own.get(listener(port[1]) or 0)
        if holder is not None:
            return f"held by {holder} of this installation"
        require_free_port(*port)
        return "free"

    return check
