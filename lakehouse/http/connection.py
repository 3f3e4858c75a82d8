"""How connections are read: bounded in size and time, with refusals in JSON.

A client that sends nothing ties up no thread, one that sends slowly ties up a thread for at most
`READ_S`, and the application is only called once the whole body has arrived.
"""

from __future__ import annotations

import io
import json
import logging
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from cheroot import wsgi
from cheroot.errors import MaxSizeExceeded
from cheroot.makefile import MakeFile
from cheroot.server import HTTPConnection, HTTPRequest

LOG = logging.getLogger(__name__)
THREADS = 12
MAX_HEADERS = 64 << 10
# Seconds for a pause between two pieces, and for a whole request with its body.
PAUSE_S, READ_S = 10, 20.0


class _Socket(socket.socket):
    """A client's socket, from which nothing is read after `deadline` (monotonic seconds)."""

    deadline = float("inf")

    def recv_into(self, *args: Any, **options: Any) -> int:
        """Receive; raises `TimeoutError` when the deadline has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(min(left, PAUSE_S))
        try:
            return super().recv_into(*args, **options)
        finally:
            self.settimeout(PAUSE_S)


class _Request(HTTPRequest):
    """A request; whatever the server itself refuses is answered in JSON, like all other errors."""

    def simple_response(self, status: str | int, msg: str = "") -> None:
        """Answer with a status such as "400 Bad Request", and close the connection."""
        text = str(status)
        body = json.dumps({"error": msg or HTTPStatus(int(text[:3])).description}).encode()
        head = (
            f"{self.server.protocol} {text}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.close_connection = True
        self.conn.wfile.write(head.encode("latin-1") + body)


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request

    def __init__(self, server: Any, sock: socket.socket, makefile: Any = MakeFile) -> None:
        timed = _Socket(fileno=sock.detach())
        timed.settimeout(PAUSE_S)
        super().__init__(server, timed, makefile)

    def communicate(self) -> bool:
        """Read a request and answer it; returns whether the connection may stay open."""
        self.socket.deadline = time.monotonic() + READ_S
        return bool(super().communicate())  # type: ignore[no-untyped-call]


class _Gateway(wsgi.Gateway_10):
    def respond(self) -> None:
        """Call the application once the whole body has arrived."""
        try:
            body = self.env["wsgi.input"].read()
        except (MaxSizeExceeded, ValueError, OSError) as error:
            if isinstance(error, OSError) and (error.errno or isinstance(error, TimeoutError)):
                raise  # the connection is lost, or too slow
            self._refuse(isinstance(error, ValueError))
            return
        if not self.req.chunked_read and len(body) < int(self.env.get("CONTENT_LENGTH") or 0):
            self._refuse(malformed=True)
            return
        self.env |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        self.env.pop("HTTP_TRANSFER_ENCODING", None)
        super().respond()

    def _refuse(self, malformed: bool) -> None:
        code = HTTPStatus.BAD_REQUEST if malformed else HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        self.req.sent_headers = True
        self.req.simple_response(f"{code.value} {code.phrase}")


class Server(wsgi.Server):
    """Cheroot's server with the bounds of this module."""

    max_request_header_size = MAX_HEADERS

    def __init__(
        self, app: Callable[..., Any], host: str, port: int, max_body: int, shutdown_s: int
    ) -> None:
        super().__init__(
            (host, port),
            app,
            numthreads=THREADS,
            server_name="cdrlake",
            request_queue_size=128,
            timeout=PAUSE_S,
            shutdown_timeout=shutdown_s,
        )
        self.gateway = _Gateway
        self.ConnectionClass = _Connection
        self.max_request_body_size = max_body

    def process_conn(self, conn: HTTPConnection) -> None:
        """Hand a connection that has data to read to a thread; a new connection waits for data."""
        if conn.last_used is None:
            self.put_conn(conn)
        else:
            super().process_conn(conn)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Log cheroot's messages."""
        LOG.log(level, "%s", msg, exc_info=traceback)
