"""No process is left behind, whichever way the one that started it ends."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cdrlake.waiting import Waiter
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock
from lakehouse.settings import ROOT

# What starts processes that run for more than a moment.
ROOMS = (
    "bench", "cdrlake", "docker", "eda", "flaskapp", "lakehouse", "mirror", "monitoring", "serving",
    "tests/cluster", "tests/e2e", "tests/integration", "tests/rest",
)  # fmt: skip
WAYS = ("subprocess.Popen", "subprocess.run", "subprocess.check_output", "subprocess.check_call")
# Three generations, as a test runs a benchmark which runs its parts; the last says who it is.
LAST = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
MIDDLE = f"""
import subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from lakehouse.children import die_with_parent
run = lambda: subprocess.run([sys.executable, "-c", {LAST!r}], preexec_fn=die_with_parent())
ThreadPoolExecutor(1).submit(run).result()
"""
FIRST = f"""
import subprocess, sys
from lakehouse.children import die_with_parent
subprocess.run([sys.executable, "-c", {MIDDLE!r}], preexec_fn=die_with_parent())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_three_generations_end_together(number: signal.Signals) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", FIRST],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # so that the signal reaches the first alone
        preexec_fn=die_with_parent(),
    )
    assert first.stdout is not None
    last = psutil.Process(int(first.stdout.readline()))
    tree = psutil.Process(first.pid).children(recursive=True)
    assert last in tree
    first.send_signal(number)
    first.wait()
    waiter = Waiter(SystemClock(), 60)
    waiter.until(lambda: not any(one.is_running() for one in tree) or None, "their end", 0.05)


def starts(path: Path) -> list[ast.Call]:
    """Calls that start a process."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) in WAYS]


def test_whoever_starts_a_process_binds_it_to_itself() -> None:
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    found = [(path, call) for path in paths for call in starts(path)]
    assert {path.relative_to(ROOT).parts[0] for path, _ in found} >= {"monitoring", "tests"}
    assert len(found) > 30
    for path, call in found:
        bound = "preexec_fn" in [keyword.arg for keyword in call.keywords]
        assert bound, f"{path.relative_to(ROOT)}:{call.lineno} has no preexec_fn=die_with_parent()"
