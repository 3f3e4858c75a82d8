"""Training beside the queries: asked for by a file, answered by a file, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdrlake.waiting import patiently
from lakehouse.clock import FixedClock
from lakehouse.errors import ModelError
from lakehouse.settings import Settings
from pyspark_jobs.training import requests
from pyspark_jobs.training.requests import Answer, Request
from pyspark_jobs.training.trainer import SCHEDULED, Course, Trainer

DOMAIN = "toy"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=str(tmp_path))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 6, 1, tzinfo=UTC))


def told(settings: Settings, trainer: Trainer, request: str) -> Answer:
    """The answer to a request, with the trainer looking again and again."""

    def look() -> bool:
        trainer.look()
        return requests.answered(settings, DOMAIN, request) is not None

    patiently(look, "the answer", poll_s=0.01)
    found = requests.answered(settings, DOMAIN, request)
    assert found is not None
    return found


def test_a_request_is_taken_once_with_its_options(settings: Settings, clock: FixedClock) -> None:
    seen: list[Request] = []

    def train(request: Request) -> Answer:
        seen.append(request)
        return Answer(request.id, version=3, promoted=True)

    asked = requests.ask(settings, DOMAIN, users=600)
    trainer = Trainer(settings, clock, Course(DOMAIN, train))
    assert told(settings, trainer, asked) == Answer(asked, version=3, promoted=True)
    trainer.look()
    assert seen == [Request(asked, {"users": 600})]
    assert requests.answered(settings, DOMAIN, "another") is None


def raising(error: Exception) -> Callable[[Request], Answer]:
    def train(_: Request) -> Answer:
        raise error

    return train


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ModelError.sentence("Too few bots."), "Too few bots."), (KeyError("x"), "KeyError: 'x'")],
)
def test_whoever_asked_is_told_why_there_is_no_version(
    settings: Settings, clock: FixedClock, error: Exception, reason: str
) -> None:
    trainer = Trainer(settings, clock, Course(DOMAIN, raising(error)))
    asked = requests.ask(settings, DOMAIN)
    assert told(settings, trainer, asked) == Answer(asked, reason=reason)


def test_one_training_at_a_time_and_a_schedule(settings: Settings, clock: FixedClock) -> None:
    goes_on, seen = threading.Event(), list[str]()

    def train(request: Request) -> Answer:
        seen.append(request.id)
        goes_on.wait()
        return Answer(request.id, version=1)

    trainer = Trainer(settings, clock, Course(DOMAIN, train, every_hours=2))
    first = requests.ask(settings, DOMAIN)

    def begun() -> bool:
        trainer.look()
        return bool(seen)

    patiently(begun, "the training", poll_s=0.01)
    second = requests.ask(settings, DOMAIN)
    trainer.look()
    assert seen == [first]
    goes_on.set()
    told(settings, trainer, second)
    clock.advance(2 * 3_600)
    told(settings, trainer, SCHEDULED)
    assert seen == [first, second, SCHEDULED]


def test_what_is_done_first_comes_before_any_training(
    settings: Settings, clock: FixedClock
) -> None:
    order: list[str] = []

    def train(request: Request) -> Answer:
        order.append("train")
        return Answer(request.id)

    trainer = Trainer(settings, clock, Course(DOMAIN, train, lambda: order.append("begin")))
    told(settings, trainer, requests.ask(settings, DOMAIN))
    assert order == ["begin", "train"]
