"""A stream that was stopped sends nothing more, whoever stopped it and whatever was away then."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flaskapp import runner as runners
from flaskapp import streams
from flaskapp.runner import Runner
from flaskapp.stream_source import NothingToSendError, StreamContext, StreamRequest, StreamSource
from lakehouse import mysql
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError, UnreachableError


@dataclass
class Rows:
    """The table of streams with one row, a database that may be away, and the batches sent."""

    state: str = "running"
    sent: int = 0
    outages: int = 0
    ended: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)

    @contextmanager
    def context(self, _runner: Runner) -> Iterator[StreamContext]:
        if self.outages:
            self.outages -= 1
            raise UnreachableError("MySQL", "an answer", "none", "wait")
        yield cast(StreamContext, SimpleNamespace(cursor=nullcontext(), commit=lambda: None))

    def get(self, _cursor: Any, _stream_id: str) -> Any:
        return SimpleNamespace(stream_id="stream", domain="toy", state=self.state)

    def end(self, _cursor: Any, _stream_id: str, state: str, *_: Any) -> None:
        self.state = state if self.state == "running" else self.state
        self.ended.append(state)

    def send(self, *_: Any) -> bool:
        self.sent += 1
        return True

    def values(self, *_: Any) -> dict[str, Any]:
        return {"mode": "live"}

    def runner(self) -> Runner:
        source = SimpleNamespace(domain="toy", begin=self.values, send=self.send)
        return Runner(Settings(), SystemClock(), [cast(StreamSource, source)])


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Rows:
    made = Rows()
    monkeypatch.setattr(streams, "get", made.get)
    monkeypatch.setattr(streams, "end", made.end)
    monkeypatch.setattr(streams, "begin", lambda *_: made.begun.append("stream"))
    monkeypatch.setattr(streams, "new_id", lambda *_: "stream")
    monkeypatch.setattr(Runner, "_context", lambda self: made.context(self))
    return made


def finished(runner: Runner) -> Runner:
    thread = runner._thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
    return runner


def test_a_stream_is_sent_and_ended(rows: Rows) -> None:
    runner = rows.runner()
    assert runner.start(StreamRequest(domain="toy")) == "stream"
    finished(runner)
    assert (rows.sent, rows.state) == (1, "finished")


def test_a_stream_stopped_while_the_database_is_away_sends_nothing_more(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_self: Rows, *_: Any) -> bool:
        rows.sent += 1
        rows.outages = 2
        made[0]._ending.set()  # what a stop does, while the next attempts fail
        raise UnreachableError("MySQL", "an answer", "none", "wait")

    monkeypatch.setattr(Rows, "send", cut)
    runner = rows.runner()
    made = [runner]
    runner.start(StreamRequest(domain="toy"))
    finished(runner)
    assert (rows.sent, rows.state, rows.outages) == (1, "stopped", 0)


def test_a_stream_that_another_process_stopped_is_not_taken_up_again(rows: Rows) -> None:
    rows.state = "stopped"
    runner = rows.runner()
    runner._launch("stream")
    finished(runner)
    assert (rows.sent, rows.state, rows.ended) == (0, "stopped", [])


def test_a_stream_of_a_process_that_closes_is_left_running(rows: Rows) -> None:
    runner = rows.runner()
    runner._ending.set()
    runner._closing.set()
    with rows.context(runner) as context:
        runner._send(context, "stream")
    assert (rows.sent, rows.state) == (0, "running")


def test_a_database_too_slow_to_begin_starts_nothing(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(runners, "START_TIMEOUT_S", 0.05)
    monkeypatch.setattr(Rows, "values", lambda *_: go_on.wait(10) and {"mode": "live"})
    runner = rows.runner()
    with pytest.raises(UnreachableError, match="started nothing"):
        runner.start(StreamRequest(domain="toy"))
    go_on.set()
    finished(runner)
    assert (rows.begun, rows.sent) == ([], 0)


class Slow(Future[str]):
    """A stream that takes three times as long to begin as is waited for."""

    def __init__(self, gives_signs: bool) -> None:
        super().__init__()
        self._gives_signs, self._asked, self.signs = gives_signs, 0, 0

    def result(self, timeout: float | None = None) -> str:
        self._asked += 1
        if self._asked > 3:
            return "stream"
        self.signs += self._gives_signs
        raise TimeoutError


def test_a_stream_that_takes_long_to_begin_is_waited_for_while_it_gives_signs() -> None:
    slow, silent = Slow(gives_signs=True), Slow(gives_signs=False)
    assert runners._await(slow, lambda: slow.signs) == "stream"
    with pytest.raises(UnreachableError, match="started nothing"):
        runners._await(silent, lambda: silent.signs)


def test_a_source_can_give_signs_to_its_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    uploader = SimpleNamespace(connection=None)
    monkeypatch.setattr(runners, "open_uploader", lambda _: nullcontext(uploader))
    monkeypatch.setattr(mysql, "lock", lambda *_: nullcontext(True))
    runner = Rows().runner()
    with runner._context() as context:
        context.sign()
    assert runner._signs == 1


def test_what_keeps_a_stream_from_beginning_is_the_caller_s_to_hear(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty(*_: Any) -> dict[str, Any]:
        raise NothingToSendError("mode live", "rows", "none", "load some")

    monkeypatch.setattr(Rows, "values", empty)
    runner = rows.runner()
    with pytest.raises(NothingToSendError):
        runner.start(StreamRequest(domain="toy"))
    finished(runner)
    assert (rows.begun, runner.is_running) == ([], False)


def test_a_stream_of_a_domain_that_is_not_here_fails(rows: Rows) -> None:
    other = SimpleNamespace(domain="other", begin=rows.values, send=rows.send)
    runner = Runner(Settings(), SystemClock(), [cast(StreamSource, other)])
    with rows.context(runner) as context, pytest.raises(StreamError, match="expected one of other"):
        runner._send(context, "stream")
    assert rows.sent == 0
