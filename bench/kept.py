"""Results that are kept as JSON, from which the pages are written."""

from __future__ import annotations

from pathlib import Path

import msgspec


def write(path: Path, value: object) -> None:
    """Replace what is kept at `path`, in lines that a reviewer can compare."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value)) + b"\n")
