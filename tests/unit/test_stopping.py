"""A process that is told to stop does, at whatever moment and however often it is told."""

from __future__ import annotations

import signal
import subprocess
import sys

from lakehouse.children import die_with_parent
from lakehouse.settings import ROOT

# What the main thread holds while it sets the event or begins to wait for it.
INSIDE = """
import signal, threading
from lakehouse.stopping import stop_on_signals

stop = threading.Event()
stop_on_signals(stop)
with stop._cond:
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
stop.wait()
"""
WAITING = """
import threading
from lakehouse.stopping import stop_on_signals

stop = threading.Event()
stop_on_signals(stop)
print("waits", flush=True)
stop.wait()
"""


def started(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        preexec_fn=die_with_parent(),
    )  # fmt: skip


def test_a_signal_that_comes_while_the_event_is_being_set_or_waited_for() -> None:
    with started(INSIDE) as process:
        assert process.wait() == 0


def test_many_signals_in_a_row() -> None:
    with started(WAITING) as process:
        assert process.stdout and process.stdout.readline() == "waits\n"
        for _ in range(200):
            process.send_signal(signal.SIGTERM)
        # One that comes while the interpreter ends has its usual effect.
        assert process.wait() in (0, -signal.SIGTERM)
