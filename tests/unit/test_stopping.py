"""A process that is told to stop does, at whatever moment and however often it is told."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil
import pytest

from cdrlake.waiting import patiently
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
# Starts one that does not stop when it is told to, says its number, and waits.
PARENT = """
import subprocess, sys
from lakehouse.children import die_with_parent

child = subprocess.Popen(
    [sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, preexec_fn=die_with_parent()
)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""
STUCK = """
import threading
from lakehouse.stopping import stop_on_signals

stop_on_signals(threading.Event(), orphan_s=0.2)
print("stuck", flush=True)
threading.Event().wait()
"""


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True,
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


def test_one_that_is_stuck_does_not_outlive_its_parent_for_long() -> None:
    with started(PARENT, STUCK) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
    patiently(lambda: not child.is_running(), "the end of the child")


def test_one_that_is_stuck_and_has_a_parent_is_left_to_it() -> None:
    with started(STUCK) as process:
        assert process.stdout and process.stdout.readline() == "stuck\n"
        process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.kill()
