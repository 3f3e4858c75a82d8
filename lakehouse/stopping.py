"""Stopping a process when it is told to."""

from __future__ import annotations

import os
import signal
import threading
from queue import SimpleQueue

from lakehouse.clock import SystemClock

ORPHAN_S = 30.0


def stop_on_signals(stop: threading.Event, orphan_s: float = ORPHAN_S) -> None:
    """Set `stop` on SIGTERM and SIGINT; call it in the main thread.

    A process that is still there `orphan_s` seconds later, and whose parent is not, kills itself:
    it may be waiting for a server that ended with the parent, and nobody else would.

    A handler runs between two steps of the main thread, which may just be waiting for `stop` or,
    when a second signal comes, be setting it: setting it there again would wait for itself for
    ever. So another thread sets it, and the handler only wakes that thread, by a queue that can be
    put to at any moment.
    """
    told: SimpleQueue[int] = SimpleQueue()
    parent, clock, never = os.getppid(), SystemClock(), threading.Event()

    def set_when_told() -> None:
        told.get()
        stop.set()
        clock.wait(never, orphan_s)
        while os.getppid() == parent:
            clock.wait(never, orphan_s)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=set_when_told, name="stop on signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda sent, _: told.put(sent))
