"""How long a person looks at nothing: from `cdrlake up` to the first moving number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from contextlib import suppress

from bench import installation
from bench.measure import ROUNDS, Figure, Measurement, Size, hold
from bench.stand import Stand, scratch
from cdrlake.waiting import patiently_ended
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock
from lakehouse.errors import ServiceError

BAR_S, TIMEOUT_S, STOP_S = 60.0, 300.0, 90.0
FIGURE = Figure(
    "startup_first_number_s", "s", False, "2,000 subscribers",
    "from the command to the first count above 0 on the simulator's page, state empty, downloads "
    "cached",
)  # fmt: skip


def run(size: Size, _: Stand) -> list[Measurement]:
    """Start an installation anew for each round."""
    return [hold(FIGURE, BAR_S, first_number, ROUNDS[size], warm=False)]


def first_number() -> float:
    """Seconds until the page shows that rows are in MySQL."""
    with scratch() as folder:
        values = installation.environment(folder)
        command = [sys.executable, "-m", "cdrlake.cli", "up"]
        with (folder / "log").open("wb") as log:
            running = subprocess.Popen(
                command,
                env=os.environ | values,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(),
            )
        try:
            return _seconds_to_count(int(values["CDRLAKE_SIMULATOR__PORT"]))
        finally:
            running.terminate()
            patiently_ended(running, STOP_S)


def _seconds_to_count(port: int) -> float:
    clock, never = SystemClock(), threading.Event()
    began = clock.monotonic()
    while (taken := clock.monotonic() - began) < TIMEOUT_S:
        with suppress(OSError, ValueError):
            address = f"http://127.0.0.1:{port}/ledger"
            with urllib.request.urlopen(address, timeout=5) as answer:
                steps = {step["name"]: step["count"] for step in json.load(answer)["steps"]}
            if steps["mysql"]:
                return taken
        clock.wait(never, 0.1)
    raise ServiceError("the simulator's page", "a count", "none", "read the log")
