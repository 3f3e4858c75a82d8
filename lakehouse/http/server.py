"""A WSGI application served by cheroot on threads of this process, and stopped cleanly."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from lakehouse import logs
from lakehouse.errors import CdrlakeError
from lakehouse.http.connection import Server
from lakehouse.settings import Settings
from lakehouse.stopping import stop_on_signals

LOG = logging.getLogger(__name__)
MAX_BODY = 64 << 10
# Requests get SHUTDOWN_S to end; then their connections are cut, and after STOP_S they are left.
SHUTDOWN_S, STOP_S = 5, 8.0
S = TypeVar("S", bound=Settings)


@contextmanager
def serving(
    app: Callable[..., Any], host: str, port: int, max_body: int = MAX_BODY
) -> Iterator[int]:
    """Serve `app` until the end of the block; the value is the port, chosen by the system for 0.

    A body of more than `max_body` bytes is refused before it is read. Raises `OSError` when the
    address cannot be bound.
    """
    server = Server(app, host, port, max_body, SHUTDOWN_S)
    ready: Future[int] = Future()
    loop = threading.Thread(target=_serve, args=(server, ready), name="http", daemon=True)
    loop.start()
    bound = ready.result()
    try:
        yield bound
    finally:
        _stop(server)
        loop.join(STOP_S)


def run(load: Callable[[], S], serve: Callable[[S, threading.Event], None]) -> int:
    """Run a service: read settings, `serve` until SIGTERM or Ctrl-C, and return the exit code."""
    logs.configure()
    stop = threading.Event()
    stop_on_signals(stop)
    try:
        serve(load(), stop)
    except (CdrlakeError, OSError) as error:
        LOG.error("%s", error)
        return 1
    return 0


def _serve(server: Server, ready: Future[int]) -> None:
    """Bind and serve. Threads started by a daemon thread are daemons too, so none outlives us."""
    try:
        server.prepare()
    except OSError as error:
        ready.set_exception(error)
        return
    ready.set_result(int(server.bind_addr[1]))
    server.serve()


def _stop(server: Server) -> None:
    """Let requests finish. One that never does is left to end with the process."""
    stopping = threading.Thread(target=server.stop, name="http-stop", daemon=True)
    stopping.start()
    stopping.join(STOP_S)
    if stopping.is_alive():
        LOG.warning("a request did not end within %.0f s and is abandoned", STOP_S)
