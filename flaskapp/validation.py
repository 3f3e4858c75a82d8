"""What a client may ask of a stream, and the sentence that says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import msgspec

from flaskapp.cdr.world import PLANS
from lakehouse.errors import closest
from lakehouse.settings.model import SimulatorSettings

MODES = ("live", "replay")
MAX_DAYS_PER_BATCH = 366
MAX_SEED = 2**53
# The documents of the first version spell it so.
ALIASES = {"num_baches": "num_batches"}


class InvalidRequestError(ValueError):
    """A request that cannot be served; its text is meant for the client."""


@dataclass(frozen=True)
class StreamRequest:
    """A stream as asked for; `interval` is the pause between batches in seconds."""

    batch_size: int = 1_000
    num_batches: int = 10
    interval: int = 60
    mode: Literal["live", "replay"] = "live"
    days_per_batch: int = 1
    seed: int | None = None
    drift: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as kept with the stream."""
        return asdict(self)


def parse_stream(body: bytes, limits: SimulatorSettings) -> StreamRequest:
    """The request in a JSON body; an empty body means all defaults.

    Raises `InvalidRequestError` with a text of the form "<key> must be ...".

    >>> parse_stream(b'{"batch_size": 0}', SimulatorSettings())
    Traceback (most recent call last):
    flaskapp.validation.InvalidRequestError: batch_size must be an integer from 1 to 10000
    """
    given = {ALIASES.get(key, key): value for key, value in _object(body).items()}
    known = {field.name for field in fields(StreamRequest)}
    for key in given:
        if key not in known:
            raise InvalidRequestError(f"{key} must be a known key; {closest(key, known)}")
    checks: dict[str, Callable[[str, Any], Any]] = {
        "batch_size": _whole(1, limits.max_batch_size),
        "num_batches": _whole(1, limits.max_num_batches),
        "interval": _whole(1, limits.max_interval_seconds),
        "mode": _one_of(MODES),
        "days_per_batch": _whole(1, MAX_DAYS_PER_BATCH),
        "seed": _optional(_whole(0, MAX_SEED)),
        "drift": _optional(_one_of(tuple(PLANS))),
    }
    return StreamRequest(**{key: checks[key](key, value) for key, value in given.items()})


def parse_limit(text: str | None, default: int, maximum: int) -> int:
    """The query argument `limit`."""
    if text is None:
        return default
    value = int(text) if re.fullmatch("[0-9]{1,9}", text) else 0
    if not 1 <= value <= maximum:
        raise InvalidRequestError(f"limit must be an integer from 1 to {maximum}")
    return value


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequestError("body must be JSON") from None
    if not isinstance(value, dict):
        raise InvalidRequestError("body must be a JSON object")
    return value


def _whole(low: int, high: int) -> Callable[[str, Any], Any]:
    def check(key: str, value: Any) -> int:
        # JSON knows no integers: 5.0 is one.
        number = int(value) if isinstance(value, float) and value.is_integer() else value
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise InvalidRequestError(f"{key} must be an integer from {low} to {high}")
        return number

    return check


def _one_of(known: tuple[str, ...]) -> Callable[[str, Any], Any]:
    def check(key: str, value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise InvalidRequestError(f"{key} must be one of {', '.join(known)}")
        return value

    return check


def _optional(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda key, value: None if value is None else check(key, value)
