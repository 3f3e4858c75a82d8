"""Requests for a training, as files in the state folder: whoever asks need not be the pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from lakehouse import files
from lakehouse.settings import Settings


class Answer(msgspec.Struct, frozen=True):
    """What became of a request: the version, or why there is none."""

    request: str
    version: int | None = None
    promoted: bool = False
    dataset_version: int | None = None
    reason: str = ""


def ask(settings: Settings, request: str) -> None:
    """Ask the pipeline for a training; a request that it has not taken up is replaced."""
    files.replace(_folder(settings) / "request.json", json.dumps({"request": request}).encode())


def asked(settings: Settings) -> str | None:
    """The request that waits; None if there is none."""
    found = _read(_folder(settings) / "request.json")
    return None if found is None else str(found.get("request"))


def take(settings: Settings) -> None:
    """Remove the request that was taken up."""
    (_folder(settings) / "request.json").unlink(missing_ok=True)


def answer(settings: Settings, given: Answer) -> None:
    """Say what became of a request."""
    files.replace(_folder(settings) / "answer.json", msgspec.json.encode(given))


def answered(settings: Settings, request: str) -> Answer | None:
    """What became of a request; None while nothing has."""
    found = _read(_folder(settings) / "answer.json")
    if found is None or found.get("request") != request:
        return None
    return msgspec.convert(found, Answer)


def _folder(settings: Settings) -> Path:
    return settings.state / "fraud_training"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found
