"""A WSGI application served by waitress on threads of this process, and stopped in order."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from waitress import wasyncore
from waitress.server import create_server
from waitress.trigger import trigger

from lakehouse import logs
from lakehouse.errors import CdrlakeError
from lakehouse.settings import Settings

LOG = logging.getLogger(__name__)
THREADS = 8
MAX_BODY = 64 << 10
S = TypeVar("S", bound=Settings)


@contextmanager
def serving(
    app: Callable[..., Any], host: str, port: int, max_body: int = MAX_BODY
) -> Iterator[int]:
    """Serve `app` until the end of the block; the value is the port, chosen by the system for 0.

    A body of more than `max_body` bytes is refused before it is taken in. Raises `OSError` where
    the address can't be had.
    """
    sockets: dict[int, Any] = {}
    server = create_server(
        app,
        map=sockets,
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        max_request_body_size=max_body + 1,  # waitress refuses the size itself too
    )
    addresses = getattr(server, "effective_listen", None) or [(host, server.effective_port)]
    loop = threading.Thread(target=server.run, name="http", daemon=True)
    loop.start()
    try:
        yield int(addresses[0][1])
    finally:
        _stop(server, sockets)
        loop.join()


def run(load: Callable[[], S], serve: Callable[[S, threading.Event], None]) -> int:
    """The life of a service: settings in, `serve` until SIGTERM or Ctrl-C; its exit code."""
    logs.configure()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    try:
        serve(load(), stop)
    except (CdrlakeError, OSError) as error:
        LOG.error("%s", error)
        return 1
    return 0


def _stop(server: Any, sockets: dict[int, Any]) -> None:
    """End the requests, then the loop.

    In this order, for a request that ends writes to the loop's pipe by its number: were the pipe
    closed before, that byte would go into whatever connection has got the number since.
    """
    server.task_dispatcher.shutdown()
    pipe = next(item for item in list(sockets.values()) if isinstance(item, trigger))
    pulled = threading.Event()

    def close() -> None:
        # The loop may be awake already and come here before the byte that wakes it is written.
        pulled.wait()
        wasyncore.close_all(sockets, ignore_all=True)

    pipe.pull_trigger(close)
    pulled.set()
