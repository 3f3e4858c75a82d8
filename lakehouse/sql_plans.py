"""What a running SQL pipeline says of its files, kept for those who have no JVM."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from lakehouse import files


class FilePlan(msgspec.Struct, frozen=True):
    """A file of a pipeline: its text, what it means in words, and Spark's plan of it."""

    name: str
    text: str
    words: str
    plan: str


def write(state: Path, domain: str, plans: Iterable[FilePlan]) -> None:
    """Replace the plans of a domain's pipeline."""
    files.replace(_path(state, domain), msgspec.json.encode(list(plans)))


def read(state: Path, domain: str) -> list[FilePlan]:
    """The plans of a domain's pipeline, in the order of its files; empty before its first start."""
    path = _path(state, domain)
    return msgspec.json.decode(path.read_bytes(), type=list[FilePlan]) if path.exists() else []


def _path(state: Path, domain: str) -> Path:
    return state / "sql" / f"{domain}.json"
