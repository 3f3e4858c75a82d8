"""A stream that was stopped sends nothing more, whoever stopped it and whatever was away then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flaskapp import runner as runners
from flaskapp import streams
from flaskapp.cdr.sending import StreamContext
from flaskapp.runner import Runner
from flaskapp.validation import StreamRequest
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings
from lakehouse.errors import UnreachableError


@dataclass
class Rows:
    """The table of streams with one row, a database that may be away, and the batches sent."""

    state: str = "running"
    sent: int = 0
    outages: int = 0
    ended: list[str] = field(default_factory=list)

    @contextmanager
    def context(self, _runner: Runner) -> Iterator[StreamContext]:
        if self.outages:
            self.outages -= 1
            raise UnreachableError("MySQL", "an answer", "none", "wait")
        yield cast(StreamContext, SimpleNamespace(cursor=None, commit=lambda: None))

    def get(self, _cursor: Any, _stream_id: str) -> Any:
        return SimpleNamespace(state=self.state)

    def end(self, _cursor: Any, _stream_id: str, state: str, *_: Any) -> None:
        self.state = state if self.state == "running" else self.state
        self.ended.append(state)

    def send(self, *_: Any) -> bool:
        self.sent += 1
        return True


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Rows:
    made = Rows()
    monkeypatch.setattr(streams, "get", made.get)
    monkeypatch.setattr(streams, "end", made.end)
    monkeypatch.setattr(runners, "send", made.send)
    monkeypatch.setattr(runners, "begin", lambda *_: "stream")
    monkeypatch.setattr(Runner, "_context", lambda self: made.context(self))
    return made


def finished(runner: Runner) -> Runner:
    thread = runner._thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
    return runner


def test_a_stream_is_sent_and_ended(rows: Rows) -> None:
    runner = Runner(Settings(), SystemClock())
    assert runner.start(StreamRequest()) == "stream"
    finished(runner)
    assert (rows.sent, rows.state) == (1, "finished")


def test_a_stream_stopped_while_the_database_is_away_sends_nothing_more(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(Settings(), SystemClock())

    def cut(*_: Any) -> bool:
        rows.sent += 1
        rows.outages = 2
        runner._ending.set()  # what a stop does, while the next attempts fail
        raise UnreachableError("MySQL", "an answer", "none", "wait")

    monkeypatch.setattr(runners, "send", cut)
    runner.start(StreamRequest())
    finished(runner)
    assert (rows.sent, rows.state, rows.outages) == (1, "stopped", 0)


def test_a_stream_that_another_process_stopped_is_not_taken_up_again(rows: Rows) -> None:
    rows.state = "stopped"
    runner = Runner(Settings(), SystemClock())
    runner._launch(lambda _desk: "stream")
    finished(runner)
    assert (rows.sent, rows.state, rows.ended) == (0, "stopped", [])


def test_a_stream_of_a_process_that_closes_is_left_running(rows: Rows) -> None:
    runner = Runner(Settings(), SystemClock())
    runner._ending.set()
    runner._closing.set()
    with rows.context(runner) as context:
        runner._send(context, "stream")
    assert (rows.sent, rows.state) == (0, "running")
