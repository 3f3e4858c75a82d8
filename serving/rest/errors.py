"""What a caller is told when a request cannot be answered."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong, in a sentence; with the field and the record (from 0) that it is about."""

    error: str
    field: str | None = None
    record: int | None = None


class RestError(Exception):
    """A request that gets a status from 400 up and a sentence."""

    def __init__(
        self,
        status: int,
        text: str,
        field: str | None = None,
        record: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.status, self.headers = status, dict(headers or {})
        self.problem = Problem(text, field, record)


def retry_later(status: int, text: str, seconds: int = 1) -> RestError:
    """A refusal that says when to ask again."""
    return RestError(status, text, headers={"Retry-After": str(seconds)})
