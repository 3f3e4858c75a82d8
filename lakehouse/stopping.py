"""Stopping a process when it is told to."""

from __future__ import annotations

import signal
import threading
from queue import SimpleQueue


def stop_on_signals(stop: threading.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT; call it in the main thread.

    A handler runs between two steps of the main thread, which may just be waiting for `stop` or,
    when a second signal comes, be setting it: setting it there again would wait for itself for
    ever. So another thread sets it, and the handler only wakes that thread, by a queue that can be
    put to at any moment.
    """
    told: SimpleQueue[int] = SimpleQueue()

    def set_when_told() -> None:
        told.get()
        stop.set()

    threading.Thread(target=set_when_told, name="stop on signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda sent, _: told.put(sent))
