"""What an outsider could find of a running installation: secrets, and doors to the network."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import yaml

LOOPBACK = ("127.", "::1", "::ffff:127.")
PRIVATE = 0o077


def secrets_of(state: Path) -> list[bytes]:
    """The passwords that the installation made for itself."""
    kept = yaml.safe_load((state / "secrets.yaml").read_text(encoding="utf-8"))
    return [str(value).encode() for section in kept.values() for value in section.values()]


def readable_secrets(state: Path, output: Path) -> list[str]:
    """Files that hold a secret and that others may read, logs and databases included."""
    words = secrets_of(state)
    return [
        str(path)
        for folder in (state, output)
        for path in folder.rglob("*")
        if path.is_file() and _open_to_others(path) and _holds(path, words)
    ]


def logged_secrets(state: Path) -> list[str]:
    """Logs that hold a secret, whoever may read them."""
    words = secrets_of(state)
    return [str(path) for path in (state / "logs").rglob("*") if _holds(path, words)]


def told_secrets(processes: Sequence[psutil.Process], state: Path) -> list[str]:
    """Processes whose command line or environment holds a secret."""
    words = secrets_of(state)
    found = []
    for process in processes:
        with suppress(psutil.Error):
            said = " ".join([*process.cmdline(), *process.environ().values()]).encode()
            if any(word in said for word in words):
                found.append(process.name())
    return found


def open_doors(processes: Sequence[psutil.Process]) -> list[str]:
    """Listening sockets that can be reached from another machine."""
    return [
        f"{process.name()} on {address}"
        for process in processes
        for address in _listening(process)
        if not address.startswith(LOOPBACK)
    ]


def _listening(process: psutil.Process) -> Iterator[str]:
    with suppress(psutil.Error):
        for connection in process.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                yield f"{connection.laddr.ip}:{connection.laddr.port}"


def _open_to_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & PRIVATE)


def _holds(path: Path, words: Sequence[bytes]) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return any(word in content for word in words)
