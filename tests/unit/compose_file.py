"""The compose file as compose reads it, and what its tests ask of a service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
Service = dict[str, Any]


def interpolated(node: Any) -> Any:
    """Texts as compose reads them, some secret standing for each required variable."""
    match node:
        case dict():
            return {key: interpolated(value) for key, value in node.items()}
        case list():
            return [interpolated(value) for value in node]
        case str():
            return VARIABLE.sub(lambda found: found[3] if found[2] == "-" else "s3cret", node)
    return node


COMPOSE = interpolated(yaml.safe_load(TEXT))
SERVICES: dict[str, Service] = COMPOSE["services"]
BUILT = [name for name, service in SERVICES.items() if "build" in service]


def words(service: Service) -> list[str]:
    """The words of its command."""
    return [str(word) for word in service.get("command", [])]


def checks(service: Service) -> list[str]:
    """The words of its health check."""
    return [str(word) for word in service.get("healthcheck", {}).get("test", [])]


def needed_by(step: str) -> set[str]:
    """The services that `docker compose up <step>` starts."""
    found, left = set(), [step]
    while left:
        name = left.pop()
        found.add(name)
        left += [other for other in SERVICES[name].get("depends_on", {}) if other not in found]
    return found


def published() -> Iterator[tuple[str, str, int, int]]:
    """Each published port: service, address and port outside, port inside."""
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            host, outside, inside = port.split(":")
            yield name, host, int(outside), int(inside)
