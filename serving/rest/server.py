"""The server: uvicorn with bounds on how long and how large a request may be, and on how many.

A request that comes while too many others wait is turned away before it is looked at, and its
connection is not read again for a moment, so that turning away costs little.
"""

from __future__ import annotations

import asyncio
import signal

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from lakehouse.settings.serving import ServingSettings
from serving.rest.answers import encode
from serving.rest.app import SHED, App
from serving.rest.errors import Problem

MAX_HEAD = 64 << 10
_PAUSE_S = 0.25
_KEEP_ALIVE_S, _BACKLOG = 65, 1_024
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
    _arriving: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; its first request must arrive in time, too."""
        super().connection_made(transport)
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in some bytes."""
        if self._head >= 0:
            self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self._refuse(431, "The head of the request is too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head = max(self._head, 0)
        if self._arriving is None:
            self._await_request()

    def on_headers_complete(self) -> None:
        """The head is complete; the request is in work from here on."""
        self._head = -1
        if len(self.tasks) >= self.config.most_waiting:
            self.scope[SHED] = True  # type: ignore[literal-required]
            self.transport.pause_reading()
            self.loop.call_later(_PAUSE_S, self._resume)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._arrived()
        self._head = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        self._refuse(400, msg)

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


class Config(uvicorn.Config):
    """How uvicorn serves `app`, an application or where to import a factory of it from."""

    def __init__(self, app: App | str, settings: ServingSettings) -> None:
        super().__init__(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=BoundedProtocol,
            ws="none",
            lifespan="on",
            interface="asgi3",
            factory=isinstance(app, str),
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=settings.drain_seconds,
            backlog=_BACKLOG,
            workers=settings.workers,
        )
        self.request_seconds, self.most_waiting = settings.request_seconds, settings.max_concurrent


def run(app: App, settings: ServingSettings) -> None:
    """Serve in this process until SIGTERM or Ctrl-C."""
    # Once it has drained, uvicorn raises the signal again, for handlers from before it.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    uvicorn.Server(Config(app, settings)).run()


def run_workers(factory: str, settings: ServingSettings) -> None:
    """Serve in several processes; one that dies is started again."""
    config = Config(factory, settings)
    Multiprocess(config, sockets=[config.bind_socket()]).run()
