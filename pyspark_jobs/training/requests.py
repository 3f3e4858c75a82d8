"""Requests for a training, as files in the state folder: whoever asks need not be the pipeline."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TypeVar

import msgspec

from lakehouse import files
from lakehouse.settings import Settings

T = TypeVar("T")


class Request(msgspec.Struct, frozen=True):
    """A training that somebody asks for, and the options that the domain knows."""

    id: str
    options: dict[str, float] = {}


class Answer(msgspec.Struct, frozen=True):
    """What became of a request: the version, or why there is none."""

    request: str
    version: int | None = None
    promoted: bool = False
    dataset_version: int | None = None
    reason: str = ""


def ask(settings: Settings, domain: str, **options: float) -> str:
    """Ask the domain's pipeline for a training, and replace a request that it has not taken up.

    Returns the id of the request.
    """
    request = Request(uuid.uuid4().hex, options)
    files.replace(_folder(settings, domain) / "request.json", msgspec.json.encode(request))
    return request.id


def asked(settings: Settings, domain: str) -> Request | None:
    """The request that waits; None if there is none."""
    return _read(_folder(settings, domain) / "request.json", Request)


def take(settings: Settings, domain: str) -> None:
    """Remove the request that was taken up."""
    (_folder(settings, domain) / "request.json").unlink(missing_ok=True)


def answer(settings: Settings, domain: str, given: Answer) -> None:
    """Say what became of a request."""
    files.replace(_folder(settings, domain) / "answer.json", msgspec.json.encode(given))


def answered(settings: Settings, domain: str, request: str) -> Answer | None:
    """What became of a request; None while nothing has."""
    found = _read(_folder(settings, domain) / "answer.json", Answer)
    return found if found is not None and found.request == request else None


def _folder(settings: Settings, domain: str) -> Path:
    return settings.state / f"{domain}_training"


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
