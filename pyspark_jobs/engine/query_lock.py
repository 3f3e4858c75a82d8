"""One process a query: its checkpoint is claimed before it starts.

Spark notices two drivers on one checkpoint only when both have run a batch, and by then each may
have written over what the other wrote. A claim is a lock on a file beside the checkpoint: the
kernel gives it back when the process ends, however it ends. In an object store there is none.
"""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import TextIO

from lakehouse.errors import StreamError
from lakehouse.names import QueryIdentity

_HELD: dict[Path, TextIO] = {}


def take(identity: QueryIdentity, lake_uri: str) -> None:
    """Claim the checkpoint of `identity` for as long as this process lives.

    Raises `StreamError` that names the process which has it.
    """
    if "://" in lake_uri:
        return
    path = Path(f"{identity.checkpoint(lake_uri)}.lock")
    if path in _HELD:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StreamError(
            identity.name,
            "no other process that runs it",
            f"one: {_owner(file)}",
            "let that one do the work, or stop it first",
        ) from None
    _sign(file)
    _HELD[path] = file


def is_taken(identity: QueryIdentity, lake_uri: str) -> bool:
    """Whether another process runs the query; where none does, this one has claimed it then."""
    try:
        take(identity, lake_uri)
    except StreamError:
        return True
    return False


def _sign(file: TextIO) -> None:
    file.truncate(0)
    file.write(f"pid {os.getpid()} on {socket.gethostname()}")
    file.flush()


def _owner(file: TextIO) -> str:
    with file:
        file.seek(0)
        return file.read() or "not named"
