"""Child processes: none is left behind, and a stale pid file is no process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cdrlake.services.ports import require_free_port
from cdrlake.services.process import Child, Command, find_running, tree
from cdrlake.waiting import Waiter
from lakehouse.clock import SystemClock
from lakehouse.errors import ServiceError

SLEEPER = "import signal; signal.pause()"
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
while True:
    signal.pause()
"""
ORDERLY = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("up", flush=True)
signal.pause()
"""
PARENT = f"""
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
signal.pause()
"""
# As spark-submit: it starts the work, waits for it, and has nothing to end by itself.
LAUNCHER = f"""
import subprocess, sys
sys.exit(subprocess.run([sys.executable, "-c", {ORDERLY!r}]).returncode)
"""
SUPERVISOR = f"""
import signal, sys
from pathlib import Path
from cdrlake.services.process import Child, Command
child = Child(Command("c", [sys.executable, "-c", {SLEEPER!r}]), Path(sys.argv[1]))
print(child.pid, flush=True)
signal.pause()
"""


def start(state: Path, code: str, name: str = "child") -> Child:
    return Child(Command(name, [sys.executable, "-c", code]), state)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    Waiter(SystemClock(), 20, lambda: None).until(lambda: condition() or None, what, 0.02)


@pytest.mark.parametrize(("by_child", "exit_code"), [(True, 7), (False, -signal.SIGTERM)])
def test_a_launcher_is_stopped_by_what_it_has_started(
    tmp_path: Path, by_child: bool, exit_code: int
) -> None:
    launch = [sys.executable, "-c", LAUNCHER]
    child = Child(Command("launcher", launch, stops_by_child=by_child), tmp_path)
    wait_for(lambda: child.log.read_text() == "up\n", "the work")
    child.ask_to_stop()
    wait_for(lambda: not child.alive, "its end")
    child.stop(5)
    assert child.exit_code == exit_code


def test_stop_ends_the_whole_tree(tmp_path: Path) -> None:
    child = start(tmp_path, PARENT)
    wait_for(lambda: len(tree(child.pid)) == 2, "the grandchild")
    processes = tree(child.pid)
    child.stop(5)
    assert not any(process.is_running() for process in processes)
    assert find_running(tmp_path) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_stop_ends_what_a_dead_process_left_behind(tmp_path: Path, number: int) -> None:
    child = start(tmp_path, PARENT)
    wait_for(lambda: len(tree(child.pid)) == 2, "the grandchild")
    orphan = tree(child.pid)[1].pid
    os.kill(child.pid, number)
    wait_for(lambda: not child.alive, "the leader's end")
    assert not _zombie(orphan)
    child.stop(5)
    assert _zombie(orphan)


def test_a_second_one_of_the_same_name_is_refused(tmp_path: Path) -> None:
    child = start(tmp_path, SLEEPER)
    try:
        with pytest.raises(ServiceError, match=rf"running already, with pid {child.pid}"):
            start(tmp_path, SLEEPER)
        assert find_running(tmp_path)["child"].pid == child.pid
    finally:
        child.stop(5)


def test_a_port_of_another_user_is_not_said_to_be_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        hidden = [c._replace(pid=None) for c in psutil.net_connections("tcp")]
        monkeypatch.setattr(psutil, "net_connections", lambda kind: hidden)
        with pytest.raises(ServiceError, match="a process of another user"):
            require_free_port("127.0.0.1", port, "kafka.port")


def test_one_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    child = start(tmp_path, STUBBORN)
    wait_for(lambda: "up" in child.log.read_text(), "the child")
    child.stop(0.2)
    assert child.exit_code == -signal.SIGKILL


def test_a_running_child_is_found_by_its_pid_file(tmp_path: Path) -> None:
    child = start(tmp_path, SLEEPER, "sleeper")
    try:
        assert find_running(tmp_path)["sleeper"].pid == child.pid
        assert child.memory_bytes() > 0
    finally:
        child.stop(5)


def test_a_pid_that_now_belongs_to_another_process_is_stale(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    entry = {"name": "gone", "pid": os.getpid(), "created": 1.0}
    (tmp_path / "run" / "gone.json").write_text(json.dumps(entry))
    assert find_running(tmp_path) == {}
    assert not (tmp_path / "run" / "gone.json").exists()


def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not psutil.pid_exists(pid) or _zombie(pid), "the orphan's end")


def test_the_log_is_for_the_owner_only(tmp_path: Path) -> None:
    child = start(tmp_path, "print('hello')")
    wait_for(lambda: not child.alive, "its end")
    assert child.log.stat().st_mode & 0o777 == 0o600
    assert child.tail(1) == "hello"
    child.stop(1)


def test_the_end_of_a_log_is_told_without_frames_of_a_stack(tmp_path: Path) -> None:
    lines = ["java.lang.StackOverflowError", "\tat java.base/a.B$C.match(B.java:4)", "\t... 9 more"]
    child = start(tmp_path, f"print({chr(10).join(lines)!r})")
    wait_for(lambda: not child.alive, "its end")
    assert child.tail(2) == "java.lang.StackOverflowError"
    child.stop(1)


def _zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
