"""What this machine has and what is missing, each with what to do about it."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cdrlake import service_table
from cdrlake.service_table import Port
from cdrlake.services import jars, process
from cdrlake.services.ports import listener, require_free_port
from lakehouse.domain import Domain
from lakehouse.domains.settings import Settings
from lakehouse.errors import CdrlakeError, ServiceError

NEEDED_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    name: str
    ok: bool
    detail: str


def examine(settings: Settings, domains: Iterable[Domain] = ()) -> list[Finding]:
    """Check Python, platform, Java, jars, disk, folders and the ports of these domains' services.

    A port held by a process of this installation counts as free.
    """
    checks: list[tuple[str, Callable[[], str]]] = [
        ("Python", require_python),
        ("platform", lambda: require_platform(settings)),
        ("Java", lambda: _java()),
        ("jars", lambda: _jars(settings)),
        ("disk", lambda: require_disk(settings.state)),
        ("folders", lambda: require_folders(settings)),
    ]
    own = {
        part.pid: name
        for name, child in process.find_running(settings.state).items()
        for part in process.tree(child.pid)
    }
    ports = [*service_ports(settings, domains), *server_ports(settings)]
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


def service_ports(
    settings: Settings, domains: Iterable[Domain] = (), cluster: bool = False
) -> list[Port]:
    """The ports of all services of these domains, and with `cluster` those of Spark's master."""
    table = service_table.services(domains)
    found = [port for one in table if (port := service_table.port(settings, one)) is not None]
    if cluster:
        found.append((settings.cluster.host, settings.cluster.port, "cluster.port"))
        found.append((settings.cluster.host, settings.cluster.page_port, "cluster.page_port"))
    return found


def require_platform(settings: Settings) -> str:
    """The platform; raises `ServiceError` if an embedded server cannot run on it."""
    if settings.mysql.embedded or settings.kafka.embedded:
        jars.require_platform()
    return f"{platform.system()} {platform.machine()}"


def require_disk(folder: Path) -> str:
    """Free space under `folder`; raises `ServiceError` when it is less than the main job needs."""
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(parent).free
    if free < NEEDED_BYTES:
        needed, left = f"{NEEDED_BYTES / 1024**3:.0f} GiB", f"{free / 1024**3:.2f} GiB"
        raise ServiceError.sentence(
            f"The disk under {parent} has {left} left and {needed} are needed; free some space or "
            "set state_dir to another disk.",
            where=str(parent),
            needed=needed,
            got=left,
        )
    return f"{free / 1024**3:.0f} GiB free"


def require_folders(settings: Settings) -> str:
    """Whether state, output and downloads can be written; raises `ServiceError` if not.

    Missing parts of a path are not created; a file is written and removed where the existing path
    ends.
    """
    folders = {
        "state_dir": settings.state,
        "cache_dir": settings.cache,
        "monitoring.output_dir": settings.output,
    }
    for key, folder in folders.items():
        parent = next(path for path in (folder, *folder.parents) if path.exists())
        try:
            with tempfile.TemporaryFile(dir=parent):
                pass
        except OSError as error:
            reason = error.strerror or str(error)
            raise ServiceError.sentence(
                f"Cannot write to {folder}: {reason}. Make it writable, or set {key} to a folder "
                "that is.",
                where=str(folder),
                got=reason,
                do=f"set {key}",
            ) from None
    return "writable"


def _finding(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except CdrlakeError as error:
        return Finding(name, False, str(error))


def require_python() -> str:
    """The running version; raises `ServiceError` for one that the libraries do not support."""
    if not (3, 11) <= sys.version_info[:2] < (3, 13):
        raise ServiceError.sentence(
            f"Python {sys.version.split()[0]} is not supported; run `make clean setup` with Python "
            "3.11 or 3.12 on the path."
        )
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
