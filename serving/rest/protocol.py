"""A connection: requests in bounded time and size, plain predictions by the short way.

A request that comes while too many others are in work is turned away before its body is looked at,
and its connection is not read again for a moment, so that turning away costs little.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.rest.answers import encode
from serving.rest.app import ADMITTED, SHED
from serving.rest.errors import Problem

if TYPE_CHECKING:
    from serving.rest.server import Config

MAX_HEAD = 64 << 10
_PAUSE_S = 0.25
_STATUS = {
    400: "400 Bad Request",
    408: "408 Request Timeout",
    431: "431 Request Header Fields Too Large",
}


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose requests must arrive in time, with a head of at most `MAX_HEAD` bytes.

    The head is counted from the first byte of a request to its first of a body, so that what a
    client sends ahead counts as well; -1 stands for a request whose head is complete.
    """

    config: Config
    body = b""
    began = 0.0
    _arriving: asyncio.TimerHandle | None = None
    _head = 0
    _is_begun = False
    # The model that a plain prediction asks for, whether all of it is there and waits in the lane,
    # and whether it is one too many.
    _plain: str | None = None
    _waits = _is_shed = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; its first request must arrive in time, too."""
        super().connection_made(transport)
        self._lane = self.config.application.lane
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._arrived()
        if self._plain is not None and not self._waits:
            self._leave_lane()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in some bytes."""
        if self._head >= 0:
            self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self._refuse(431, "The request headers are too large.")
        elif self._is_begun and self._arriving is None:
            self._await_request()

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._waits:  # the one before it, of a client that does not wait for answers
            self._lane.flush()
        super().on_message_begin()
        self._head = max(self._head, 0)
        self._is_begun = True

    def on_headers_complete(self) -> None:
        """The head is complete; the request is in work from here on."""
        self._head = -1
        is_shed = len(self.tasks) + self._lane.begun >= self.config.most_waiting
        if is_shed:
            self._pause()
        name = self._lane.targets.get(self.url)
        if name is not None and self._is_plain():
            self._plain, self._is_shed, self.began = name, is_shed, self.loop.time()
            self._lane.begun += 1
            return
        if is_shed:
            self.scope[SHED] = True  # type: ignore[literal-required]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        if self._plain is None:
            super().on_body(body)
        elif not self._is_shed:
            self.body += body
            if len(self.body) > self._lane.most_bytes:
                self._go_on_in_app()

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._is_begun = False
        self._arrived()
        self._head = 0
        if self._plain is None:
            super().on_message_complete()
            return
        if self._is_shed:
            self._lane.shed(self)
            return
        self._waits = True
        self._lane.add(self._plain, self)

    def reply(self, data: bytes) -> None:
        """Answer the plain prediction that waits, unless the client is gone."""
        self._leave_lane()
        if self.parser is not None and not self.transport.is_closing():
            self.transport.write(data)
            self.on_response_complete()

    def take_long_way(self, own_id: str | None, is_admitted: bool) -> None:
        """Let the application answer, as it does any other request."""
        if self.parser is None:
            self._leave_lane()
            return
        if is_admitted:
            self.scope[ADMITTED] = own_id  # type: ignore[literal-required]
        self._go_on_in_app()
        super().on_message_complete()

    def shutdown(self) -> None:
        """Answer what has begun, then close."""
        if self._waits:
            self._lane.flush()
        elif self._plain is not None:
            self._go_on_in_app()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        self._refuse(400, msg)

    def _is_plain(self) -> bool:
        """Whether this can be a plain prediction, the only request in work on its connection."""
        is_idle = self.cycle is None or self.cycle.response_complete
        return (
            is_idle
            and self.parser.get_method() == b"POST"
            and not self.expect_100_continue
            and not self.flow.write_paused
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        )

    def _leave_lane(self) -> bytes:
        """The plain prediction is over here; its body as far as it has come."""
        body, self.body, self._plain, self._waits = self.body, b"", None, False
        self._lane.begun -= 1
        return body

    def _go_on_in_app(self) -> None:
        """Go on with a plain prediction as with any other request."""
        body = self._leave_lane()
        super().on_headers_complete()
        super().on_body(body)

    def _pause(self) -> None:
        self.transport.pause_reading()
        self.loop.call_later(_PAUSE_S, self._resume)

    def _await_request(self) -> None:
        self._arriving = self.loop.call_later(self.config.request_seconds, self._too_slow)

    def _arrived(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _too_slow(self) -> None:
        self._arriving = None
        if not self.transport.is_closing():
            seconds = self.config.request_seconds
            self._refuse(408, f"The request did not arrive within {seconds:g} s.")

    def _resume(self) -> None:
        if not self.transport.is_closing() and not self.flow.read_paused:
            self.transport.resume_reading()

    def _refuse(self, status: int, text: str) -> None:
        """Answer and close, whatever else was to come."""
        self._arrived()
        body = encode(Problem(text))
        head = (
            f"HTTP/1.1 {_STATUS[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(head.encode() + body)
        self.transport.close()
