"""The poller runs when something is new, and never forgets what it has not done."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.clock import FixedClock
from monitoring.errors import NotReadyError
from monitoring.poller import Cursor, Poller


@dataclass
class Task:
    """A task whose state is set, and whose runs fail while there are failures left."""

    present: Cursor = field(default_factory=lambda: Cursor("t", 1, 1))
    failures: list[Exception] = field(default_factory=list)
    runs: int = 0
    observed: int = 0

    def observe(self) -> None:
        self.observed += 1

    def state(self) -> Cursor:
        return self.present

    def run(self) -> None:
        self.runs += 1
        if self.failures:
            raise self.failures.pop()


def poller(task: Task, folder: Path, clock: FixedClock | None = None) -> Poller:
    return Poller(
        task, clock or FixedClock(datetime(2026, 7, 1, tzinfo=UTC)), 60, folder / "cursor.json"
    )


def test_the_same_state_is_looked_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    task = Task()
    polling = poller(task, tmp_path)
    assert [polling.step(), polling.step()] == [True, False]
    assert caplog.messages == [
        "New data found, triggering monitoring...",
        "No new data, waiting...",
    ]


@pytest.mark.parametrize("fresh", [Cursor("t", 2, 1), Cursor("u", 1, 1), Cursor("t", 1, 2)])
def test_a_new_version_table_or_champion_is_a_run(tmp_path: Path, fresh: Cursor) -> None:
    task = Task()
    poller(task, tmp_path).step()
    task.present = fresh
    assert poller(task, tmp_path).step(), "the cursor outlives the process"
    assert task.runs == 2


class Waits(FixedClock):
    """A clock that notes what was waited, and ends the loop after so many waits."""

    def __init__(self, most: int) -> None:
        super().__init__(datetime(2026, 7, 1, tzinfo=UTC))
        self.most, self.seconds = most, list[float]()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.seconds.append(seconds)
        if len(self.seconds) == self.most:
            event.set()
        return super().wait(event, seconds)


def test_a_failed_run_is_tried_again_after_ever_longer_waits(tmp_path: Path) -> None:
    task = Task(failures=[RuntimeError(str(number)) for number in range(4)])
    clock = Waits(6)
    poller(task, tmp_path, clock).forever(threading.Event())
    assert clock.seconds == [120.0, 240.0, 480.0, 600.0, 60.0, 60.0]
    assert task.runs == 5


def test_what_is_not_there_yet_is_no_failure(tmp_path: Path) -> None:
    task = Task(failures=[NotReadyError("registry", "a champion", "none", "train")])
    clock = Waits(2)
    poller(task, tmp_path, clock).forever(threading.Event())
    assert (clock.seconds, task.runs) == ([60.0, 60.0], 2)


def test_asking_for_the_state_is_not_looking(tmp_path: Path) -> None:
    task = Task()
    polling = poller(task, tmp_path)
    polling.step()
    polling.step()
    assert (task.observed, task.runs) == (2, 1)


def test_a_thread_that_ends_says_why(tmp_path: Path) -> None:
    class Panic(BaseException):
        """What an engine raises past every `except Exception`."""

    class Broken(Task):
        def run(self) -> None:
            raise Panic("range end out of bounds")

    polling = poller(Broken(), tmp_path)
    assert polling.failure is None
    with pytest.raises(Panic):
        polling.forever(threading.Event())
    assert isinstance(polling.failure, Panic)


def test_it_stops_when_told(tmp_path: Path) -> None:
    stop = threading.Event()

    class Stopping(Task):
        def run(self) -> None:
            super().run()
            stop.set()

    task = Stopping()
    poller(task, tmp_path).forever(stop)
    assert task.runs == 1
