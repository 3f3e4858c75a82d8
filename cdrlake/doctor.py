"""What this machine has and what is missing, each with what to do about it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cdrlake.services import jars
from cdrlake.services.ports import require_free_port
from lakehouse.errors import CdrlakeError, ServiceError
from lakehouse.settings import Settings

NEEDED_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    name: str
    ok: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Check Python, Java, jars, disk and ports; nothing is changed."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("Python", _python),
        ("Java", lambda: _java()),
        ("jars", lambda: _jars(settings)),
        ("disk", lambda: require_disk(settings.state)),
    ]
    checks += [(f"port {port}", _port(host, port, key)) for host, port, key in ports(settings)]
    return [_finding(name, check) for name, check in checks]


def ports(settings: Settings, cluster: bool = False) -> list[tuple[str, int, str]]:
    """Host, port and settings key of everything that listens, Spark's master with `cluster`."""
    found = [
        (settings.simulator.host, settings.simulator.port, "simulator.port"),
        (settings.monitoring.host, settings.monitoring.port, "monitoring.port"),
    ]
    if settings.kafka.embedded:
        found.append((settings.kafka.host, settings.kafka.port, "kafka.port"))
        found.append((settings.kafka.host, settings.kafka.controller_port, "kafka.controller_port"))
    if settings.mysql.embedded:
        found.append((settings.mysql.host, settings.mysql.port, "mysql.port"))
    if cluster:
        found.append((settings.cluster.host, settings.cluster.port, "cluster.port"))
        found.append((settings.cluster.host, settings.cluster.page_port, "cluster.page_port"))
    return found


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
    return "resolved" if (settings.cache / "jars").exists() else "not yet; `cdrlake up` gets them"


def _port(host: str, port: int, key: str) -> Callable[[], str]:
    def check() -> str:
        require_free_port(host, port, key)
        return "free"

    return check
