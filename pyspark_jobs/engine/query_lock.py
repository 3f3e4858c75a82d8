"""One process per query: its checkpoint is locked before it starts.

Spark notices two drivers on one checkpoint only after both have run a batch, and by then each may
have overwritten what the other wrote. The lock is on a file next to the checkpoint, and the kernel
releases it when the process ends, however that happens. In an object store there is no lock.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from lakehouse import files
from lakehouse.errors import StreamError
from lakehouse.names import QueryIdentity

_HELD: dict[Path, FileLock] = {}


def take(identity: QueryIdentity, lake_uri: str) -> None:
    """Lock the checkpoint of `identity` for as long as this process lives.

    Raises `StreamError` naming the process that holds it.
    """
    if "://" in lake_uri:
        return
    path = Path(f"{identity.checkpoint(lake_uri)}.lock")
    if path in _HELD:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Held by the process, whichever thread has taken it.
    lock = FileLock(path, blocking=False, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        owner = _owner(path)
        raise StreamError.sentence(
            f"{identity.name} is run by another process already, {owner}; let that one do the "
            "work, or stop it first.",
            where=identity.name,
            got=owner,
        ) from None
    files.replace(_signature(path), f"pid {os.getpid()} on {socket.gethostname()}".encode())
    _HELD[path] = lock


def is_taken(identity: QueryIdentity, lake_uri: str) -> bool:
    """Whether another process runs the query; if none does, this process now holds the lock."""
    try:
        take(identity, lake_uri)
    except StreamError:
        return True
    return False


def _signature(lock: Path) -> Path:
    # Not the locked file itself, which an attempt to lock it empties.
    return lock.with_suffix(".owner")


def _owner(lock: Path) -> str:
    try:
        return _signature(lock).read_text(encoding="utf-8")
    except OSError:
        return "one without a name"
