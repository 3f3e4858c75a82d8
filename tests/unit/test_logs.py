"""The log of a service: what a reader needs to know is in the line itself."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import stamina
from stamina.instrumentation import set_on_retry_hooks

from lakehouse import logs
from lakehouse.errors import ServiceError


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a service writes while the test runs."""
    written, root = io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure()
    yield written
    root.handlers[:] = before
    root.setLevel(level)
    set_on_retry_hooks(None)


def test_a_step_that_is_tried_again_says_why(log: io.StringIO) -> None:
    away = [ServiceError("topic t", "a leader", "none", "wait")]

    @stamina.retry(on=ServiceError, attempts=2, wait_initial=0.0, wait_jitter=0.0)
    def step() -> str:
        if away:
            raise away.pop()
        return "done"

    assert step() == "done"
    (line,) = log.getvalue().splitlines()
    assert "trying again in 0.0 s, after: " in line and "a leader" in line
