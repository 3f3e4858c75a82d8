"""One request and its answer, without a framework: what the hot routes and all others share."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from lakehouse.clock import Clock
from serving.rest.answers import encode
from serving.rest.errors import Problem, RestError

LOG = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
JSON = b"application/json"
_OWN_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_PREFIX, _COUNT = secrets.token_hex(6), count(1)
_SAFE = (b"x-content-type-options", b"nosniff")
UNEXPECTED = "Internal error; see the log of this service."


class Exchange:
    """A request that has been let in, and the way to answer it.

    `path` has the parameters within the address, `seconds` what each stage took.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, clock: Clock) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self._now = clock.monotonic
        self.began = self._at = self._now()
        self.request_id, self.status = "", 0
        self.path: dict[str, str] = {}
        self.stages: list[tuple[str, float]] = []

    def identify(self, own: str | None) -> None:
        """Give the request its own id if that is a plain one, or else a new one."""
        self.request_id = identified(own)

    def query(self) -> dict[str, str]:
        """The parameters after the question mark."""
        raw: bytes = self.scope["query_string"]
        return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True)) if raw else {}

    def header(self, wanted: bytes) -> str:
        """A header's value; empty if there is none."""
        for name, value in self.scope["headers"]:
            if name == wanted:
                text: str = value.decode("latin-1")
                return text
        return ""

    def mark(self, stage: str) -> None:
        """Note that a stage has ended now."""
        now = self._now()
        self.stages.append((stage, now - self._at))
        self._at = now

    @property
    def seconds(self) -> float:
        """Seconds since the request began."""
        return self._now() - self.began

    async def body(self, most: int) -> bytes:
        """The whole body; raises `RestError` for one of more than `most` bytes."""
        message = await self._receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body"):
            if len(body) > most:
                break
            message = await self._receive()
            body += message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise RestError(400, "The connection ended before the body did.")
        if len(body) > most:
            raise RestError(413, f"The body has more than {most:,} bytes.")
        self.mark("read")
        return body

    async def answer(
        self,
        body: bytes,
        status: int = 200,
        media: bytes = JSON,
        more: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        """Send an answer; `more` are further headers."""
        self.status = status
        headers = [
            (b"content-type", media),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", self.request_id.encode()),
            _SAFE,
        ]
        if self.stages:
            told = ", ".join([f"{name};dur={s * 1_000:.3f}" for name, s in self.stages])
            headers.append((b"server-timing", told.encode()))
        if more:
            headers += more
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        is_head = self.scope["method"] == "HEAD"
        await self._send({"type": "http.response.body", "body": b"" if is_head else body})

    async def fail(self, error: Exception) -> None:
        """Answer with an error as JSON; one that nobody foresaw is logged."""
        if isinstance(error, RestError):
            more = [(k.lower().encode(), v.encode("latin-1")) for k, v in error.headers.items()]
            await self.answer(encode(error.problem), error.status, more=more)
            return
        path = self.scope["path"]
        LOG.error("%s %s failed", self.scope["method"], path, exc_info=error)
        await self.answer(encode(Problem(UNEXPECTED)), 500)


def identified(own: str | None) -> str:
    """A request's own id if that is a plain one, or else a new one."""
    is_plain = own is not None and _OWN_ID.fullmatch(own) is not None
    return own if own and is_plain else f"{_PREFIX}-{next(_COUNT):x}"
