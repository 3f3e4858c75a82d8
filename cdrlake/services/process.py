"""Child processes: started in a group of their own, watched, and never left behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from cdrlake.services.jars import exclusive
from cdrlake.waiting import cpu_seconds
from lakehouse import files
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock
from lakehouse.errors import ServiceError

SUPERVISOR = "supervisor"
_FRAME = re.compile(r"\s*(at \S+\(|\.\.\. \d+ more)")
_GRACE_S = 2.0
_REAP_S = 3.0


@dataclass(frozen=True)
class Command:
    """What to run; secrets go through files or standard input, never through `args`.

    With `stops_by_child` a request to stop goes to the process's own children: `spark-submit`
    would end at once, while the job that it has started ends its batch first.
    """

    name: str
    args: Sequence[str]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    stops_by_child: bool = False


class Child:
    """A running child process with a log and a pid file below the state folder."""

    def __init__(self, command: Command, state: Path) -> None:
        self.name, self._stops_by_child = command.name, command.stops_by_child
        self.log = state / "logs" / f"{command.name}.log"
        self._pid_file = state / "run" / f"{command.name}.json"
        for folder in (self.log.parent, self._pid_file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with exclusive(self._pid_file.with_suffix(".lock")):
            refuse_second(state, command.name)
            self._process = self._spawn(command)
            self._record()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Exit code, None while it runs."""
        return self._process.poll()

    def memory_bytes(self) -> int:
        """Memory of the whole process tree, pages shared between processes counted once."""
        return sum(memory_bytes(process) for process in tree(self.pid))

    def cpu_seconds(self) -> float:
        """Processor time that the processes of its tree have used so far."""
        return cpu_seconds(tree(self.pid))

    def tail(self, lines: int) -> str:
        """The last lines of its log but for frames of a Java stack, joined by ` | `."""
        text = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = [line.strip() for line in text if line.strip() and not _FRAME.match(line)]
        return " | ".join(told[-lines:]) or "an empty log"

    def ask_to_stop(self) -> None:
        """Ask the process to end, without waiting for it."""
        if not self.alive:
            return
        children = psutil.Process(self.pid).children() if self._stops_by_child else []
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.terminate()
        if not children:
            self._process.terminate()

    def stop(self, timeout_s: float) -> None:
        """Ask the process to end, then kill whatever is left of its tree."""
        self.ask_to_stop()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # The process has had its time to end its own children: a driver stops its JVM in order
        # only while that JVM is not asked at the same moment.
        left = self._left()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        kill(_outlive(left, _GRACE_S))
        self._pid_file.unlink(missing_ok=True)

    def _spawn(self, command: Command) -> subprocess.Popen[bytes]:
        opened = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(opened, "ab") as log:
            return subprocess.Popen(
                list(command.args),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=None if command.env is None else dict(command.env),
                cwd=command.cwd,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    def _left(self) -> list[psutil.Process]:
        # The kernel gives a number away again only when nothing is left in its session.
        return [] if psutil.pid_exists(self.pid) else tree(self.pid)

    def _record(self) -> None:
        _write_pid_file(self._pid_file, self.name, self.pid)


@contextmanager
def registered(state: Path, name: str) -> Iterator[None]:
    """Be found as the one who starts processes again, for the length of the block."""
    path = state / SUPERVISOR / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_pid_file(path, name, os.getpid())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _write_pid_file(path: Path, name: str, pid: int) -> None:
    entry = {"name": name, "pid": pid, "created": psutil.Process(pid).create_time()}
    # Readers drop a file that they cannot parse, so they must never see half of it.
    files.replace(path, json.dumps(entry).encode())


def tree(pid: int) -> list[psutil.Process]:
    """A process, its descendants, and whatever they left in its session, the ones that run."""
    found: dict[int, psutil.Process] = {}
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        found = {process.pid: process for process in [root, *root.children(recursive=True)]}
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == pid:
                found.setdefault(process.pid, process)
    return [process for process in found.values() if _runs(process)]


def command_line(process: psutil.Process) -> str:
    """What a process was started with; empty when it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def memory_bytes(process: psutil.Process) -> int:
    """Memory of one process, its part of the shared pages included; 0 when it has ended."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def kill(processes: Sequence[psutil.Process]) -> None:
    """Kill what is left of `processes` and wait until it is gone."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _outlive(processes, 10)


def refuse_second(state: Path, name: str) -> None:
    """Raise `ServiceError` when `name` runs on this state folder already."""
    running = find_running(state).get(name)
    if running is not None:
        raise ServiceError.sentence(
            f"{name} on {state} is running already, with pid {running.pid}; stop it with "
            "`cdrlake down`.",
            where=name,
            got=f"pid {running.pid}",
        )


def find_running(state: Path, folder: str = "run") -> dict[str, psutil.Process]:
    """Processes that the pid files name and that still run; stale pid files are removed.

    The folder `SUPERVISOR` names the one who starts them again.
    """
    found: dict[str, psutil.Process] = {}
    for path in sorted((state / folder).glob("*.json")):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            process = psutil.Process(entry["pid"])
            same = abs(process.create_time() - entry["created"]) < 1.0 and _runs(process)
        except (psutil.NoSuchProcess, FileNotFoundError, ValueError, KeyError, TypeError):
            same = False
        if same:
            found[entry["name"]] = process
        else:
            path.unlink(missing_ok=True)
    return found


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _outlive(processes: Sequence[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Those of `processes` that still run after the time-out; zombies get a moment to be reaped."""
    left = _wait_while(_runs, processes, timeout_s)
    if not left:
        _wait_while(psutil.Process.is_running, processes, _REAP_S)
    return left


def _wait_while(
    holds: Callable[[psutil.Process], bool], processes: Sequence[psutil.Process], timeout_s: float
) -> list[psutil.Process]:
    # psutil's own waiting would reap a child of ours, and its exit code would be lost.
    clock, never = SystemClock(), threading.Event()
    deadline = clock.monotonic() + timeout_s
    while (left := [each for each in processes if holds(each)]) and clock.monotonic() < deadline:
        clock.wait(never, 0.02)
    return left
