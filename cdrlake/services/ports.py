"""Ports that are needed: free ones, or a word about who has them."""

from __future__ import annotations

import socket
from random import SystemRandom
from typing import Any

import psutil

from lakehouse.errors import ServiceError

_NOT_FOR_CLIENTS = (10_000, 32_000)


def require_free_port(host: str, port: int, key: str) -> None:
    """Raise `ServiceError` naming the port, its user where known, and the setting to change."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            owner = _owner(port)
            raise ServiceError.sentence(
                f"port {port} on {host} is taken by {owner}; stop it, or set {key} in "
                "conf/settings.local.yaml.",
                where=f"port {port}",
                got=owner,
                do=f"set {key}",
            ) from None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the kernel hands out to clients."""
    dice, found = SystemRandom(), list[int]()
    while len(found) < count:
        port = dice.randrange(*_NOT_FOR_CLIENTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) and port not in found:
                found.append(port)
    return found


def listener(port: int) -> int | None:
    """Pid of the process that listens on `port`; None when nobody does, or not to our knowledge."""
    found = _listening(port)
    return found.pid if found else None


def _listening(port: int) -> Any:
    for connection in psutil.net_connections("tcp"):
        if connection.laddr and connection.laddr.port == port and connection.status == "LISTEN":
            return connection
    return None


def _owner(port: int) -> str:
    connection = _listening(port)
    if connection is None:
        return "another program"
    # Another user's process has no number here, and psutil takes None for this very one.
    if connection.pid is None:
        return "a process of another user"
    try:
        return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return "another program"
