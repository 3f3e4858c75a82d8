"""The stack in service: what dies is started again, unless it keeps dying."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdrlake import extension, runs
from cdrlake.console import Steps
from cdrlake.services.process import SUPERVISOR, Child, Command, find_running
from cdrlake.stack import Stack
from cdrlake.waiting import Waiter
from cdrlake.watch import DEATHS
from lakehouse import ledger, outages
from lakehouse.clock import FixedClock, SystemClock
from lakehouse.domains.settings import Settings
from lakehouse.errors import EXIT_PERMANENT, ServiceError

LIVES = "import signal, sys; print('alive', flush=True); signal.pause()"
DIES = "print('no such column')"
UP = f"""
import signal, sys, threading
from pathlib import Path
from cdrlake.console import Steps
from cdrlake.services.process import Child, Command, registered
from cdrlake.stack import Stack
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
state, clock = Path(sys.argv[1]), SystemClock()
command = Command("worker", [sys.executable, "-c", {LIVES!r}])
with registered(state, "up"), Stack(Settings(), Steps(), clock) as stack:
    stack.keep("worker", lambda: Child(command, state))
    while True:
        stack.revive()
        clock.wait(threading.Event(), 0.02)
"""


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack(Settings(), Steps(), FixedClock(datetime(2026, 3, 1, tzinfo=UTC))) as made:
        yield made


def keep(stack: Stack, state: Path, program: str) -> None:
    command = Command("worker", [sys.executable, "-c", program])
    stack.keep("worker", lambda: Child(command, state))


def wait_for_death(stack: Stack) -> None:
    waiter = Waiter(SystemClock(), 20, lambda: None)
    waiter.until(lambda: None if stack.children[0].alive else True, "its end", 0.01)


def test_a_killed_process_is_started_again_and_said(stack: Stack, tmp_path: Path) -> None:
    keep(stack, tmp_path, LIVES)
    first = stack.children[0]
    assert stack.revive() == []
    Waiter(SystemClock(), 20, lambda: None).until(
        lambda: True if "alive" in first.tail(1) else None, "its first word", 0.01
    )
    first.ask_to_stop()
    wait_for_death(stack)
    assert stack.revive() == ["worker ended (alive) and is started again"]
    assert stack.children[0].alive
    assert stack.children[0].pid != first.pid


def test_a_process_that_keeps_dying_stops_the_stack_with_its_last_words(
    stack: Stack, tmp_path: Path
) -> None:
    keep(stack, tmp_path, DIES)
    for _ in range(DEATHS):
        wait_for_death(stack)
        assert len(stack.revive()) == 1
    wait_for_death(stack)
    with pytest.raises(ServiceError, match=r"worker ended with exit code 0: .*no such col"):
        stack.revive()


def test_a_process_whose_error_no_start_mends_is_not_started_again(
    stack: Stack, tmp_path: Path
) -> None:
    keep(stack, tmp_path, f"import sys; print('wrong password'); sys.exit({EXIT_PERMANENT})")
    wait_for_death(stack)
    with pytest.raises(ServiceError, match=r"exit code 3: wrong password"):
        stack.revive()


def test_down_stops_what_up_would_start_again(tmp_path: Path) -> None:
    up = subprocess.Popen([sys.executable, "-c", UP, str(tmp_path)])
    try:
        waiter = Waiter(SystemClock(), 30, lambda: None)
        waiter.until(lambda: find_running(tmp_path) or None, "the worker", 0.02)
        runs.down(Settings(state_dir=str(tmp_path)))
        up.wait(10)
        assert find_running(tmp_path) == {} == find_running(tmp_path, SUPERVISOR)
    finally:
        up.kill()
        up.wait()


def test_who_works_ends_before_who_is_used(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Noted:
        def __init__(self, name: str) -> None:
            self.name = name

        def ask_to_stop(self) -> None:
            said.append(f"ask {self.name}")

        def stop(self, _timeout_s: float) -> None:
            said.append(f"stop {self.name}")

    started = ["mysql", "kafka", "spark-master", "spark-worker-1", "spark-worker-2", "pipeline"]
    monkeypatch.setattr(stack, "children", [Noted(name) for name in [*started, "mirror"]])
    stack.stop()
    assert said == [
        "ask pipeline", "ask mirror", "stop pipeline", "stop mirror",
        "ask spark-worker-1", "ask spark-worker-2", "stop spark-worker-1", "stop spark-worker-2",
        "ask spark-master", "stop spark-master",
        "ask kafka", "stop kafka", "ask mysql", "stop mysql",
    ]  # fmt: skip


def test_what_a_load_of_history_left_out_is_said(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = extension.Extension(load_history=lambda *_: "The simulated world is left out.")
    monkeypatch.setattr(extension, "of", lambda _: found)
    monkeypatch.setattr(ledger, "waiting", lambda _: 0)
    stack._history()
    assert "The simulated world is left out." in capsys.readouterr().out


def test_what_is_taken_away_on_purpose_is_not_missed_and_comes_back(
    stack: Stack, tmp_path: Path
) -> None:
    keep(stack, tmp_path, LIVES)
    first = stack.children[0]
    outages.take_away(tmp_path, "worker")
    outages.take_away(tmp_path, "nobody")
    assert stack.heed(outages.away(tmp_path)) == ["worker is taken away, as asked"]
    assert not first.alive
    assert stack.revive() == stack.heed(outages.away(tmp_path)) == []
    stack.check()
    outages.bring_back(tmp_path, "worker")
    assert stack.heed(outages.away(tmp_path)) == ["worker is brought back"]
    assert stack.children[0].alive and stack.children[0].pid != first.pid
    outages.forget(tmp_path)
    assert outages.away(tmp_path) == set()
