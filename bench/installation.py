"""A scratch installation of its own, on free ports, for measurements that need running services."""

from __future__ import annotations

import socket
from pathlib import Path
from random import SystemRandom

PORTS = ("KAFKA__PORT", "KAFKA__CONTROLLER_PORT", "MYSQL__PORT", "SIMULATOR__PORT",
         "MONITORING__PORT")  # fmt: skip


def environment(folder: Path) -> dict[str, str]:
    """Variables that put state, output and ports of an installation below `folder`."""
    places = {"STATE_DIR": folder / "state", "MONITORING__OUTPUT_DIR": folder / "output"}
    values = places | dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    return {f"CDRLAKE_{name}": str(value) for name, value in values.items()}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the kernel hands out to clients."""
    dice, found = SystemRandom(), list[int]()
    while len(found) < count:
        port = dice.randrange(10_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) and port not in found:
                found.append(port)
    return found
