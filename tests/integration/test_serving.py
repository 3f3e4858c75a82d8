"""The serving process as it is started: workers, signals, the registry's file, a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.ports import free_ports
from cdrlake.services.process import command_line
from lakehouse import kafka
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock
from lakehouse.domain import Topic
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.models.manifest import FOREST
from lakehouse.models.model_kinds import model_kind
from lakehouse.publisher import Publisher
from lakehouse.registry import Registry, open_registry
from serving.control import Listener
from serving.rest.log import PREDICTIONS
from tests.rest import samples

pytestmark = pytest.mark.integration
PATH = f"/models/{CHURN.model}/predict"
RECORD = samples.records(1)[0]


def until(ready: Callable[[], Any], what: str, alive: Callable[[], bool] = lambda: True) -> Any:
    never = threading.Event()
    while not (found := ready()):
        assert alive(), f"the process ended before {what}"
        never.wait(0.02)
    return found


class Service:
    """`python -m serving` with a registry of its own."""

    def __init__(self, folder: Path, **values: object) -> None:
        self.folder, self.port = folder, free_ports(1)[0]
        places = {"STATE_DIR": folder / "state", "SERVING__PORT": self.port}
        named = {f"CDRLAKE_{key}": str(value) for key, value in (places | values).items()}
        self.env = os.environ | named
        self.settings = Settings(state_dir=str(folder / "state"))
        self.registry: Registry = open_registry(self.settings, CHURN)
        self.process: subprocess.Popen[bytes] | None = None

    def register(self, seed: int) -> int:
        return self.registry.register(*samples.seal(self.folder / f"b{seed}", seed=seed)).number

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving"], env=self.env, preexec_fn=die_with_parent()
        )
        until(self.is_ready, "it answered", lambda: self.running.poll() is None)

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def is_ready(self) -> bool:
        try:
            return self.get("/v2/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def version(self) -> int:
        """The version that answers a request on a connection of its own."""
        response = httpx.post(f"http://127.0.0.1:{self.port}{PATH}", json=RECORD, timeout=30)
        assert response.status_code == 200, response.text
        found: int = response.json()["version"]
        return found

    def workers(self) -> list[psutil.Process]:
        """Its worker processes that answer; spawn keeps a helper of its own beside them."""
        found = psutil.Process(self.running.pid).children()
        return [one for one in found if "spawn_main" in command_line(one)]


@contextmanager
def serving(folder: Path, **values: object) -> Iterator[Service]:
    service = Service(folder, SERVING__LOG_PREDICTIONS="false", **values)
    service.registry.promote(service.register(0), "first")
    service.start()
    try:
        yield service
    finally:
        service.running.terminate()
        service.running.wait()


def test_two_workers_swap_together_outlive_each_other_and_drain(tmp_path: Path) -> None:
    with serving(tmp_path, SERVING__WORKERS=2) as service:
        until(lambda: len(service.workers()) == 2, "two workers")
        seen: list[int] = []
        for seed in range(1, 5):
            number = service.register(seed)
            place = service.registry.load(service.registry.version(number)).folder
            if seed == 2:
                (place / model_kind(FOREST).file).write_bytes(b"half a f")
            service.registry.promote(number, "a swap")
            wanted = number - 1 if seed == 2 else number
            while note(service, seen) < wanted:
                pass
        for _ in range(40):
            note(service, seen)
        assert seen == sorted(seen) and seen[-1] == 5
        killed = service.workers()[0]
        killed.send_signal(signal.SIGKILL)
        lost = 0
        for _ in range(50):
            try:
                assert service.version() == 5
            except httpx.TransportError:
                lost += 1  # the killed one had accepted it
        assert lost < 10
        until(lambda: len(service.workers()) == 2, "another worker")
        assert killed.pid not in [one.pid for one in service.workers()]
        service.running.terminate()
        assert service.running.wait() == 0


def note(service: Service, seen: list[int]) -> int:
    seen.append(service.version())
    return seen[-1]


def test_a_request_that_has_begun_is_answered_after_sigterm(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        gate, begun = threading.Event(), threading.Event()
        body = json.dumps(RECORD).encode()

        def slowly() -> Iterator[bytes]:
            yield body[:5]
            begun.set()
            gate.wait()
            yield body[5:]

        answers: list[httpx.Response] = []
        address = f"http://127.0.0.1:{service.port}{PATH}"
        asking = threading.Thread(
            target=lambda: answers.append(httpx.post(address, content=slowly(), timeout=30))
        )
        asking.start()
        begun.wait()
        service.get("/health")  # what came before this has been read
        service.running.terminate()
        until(lambda: not accepts(service), "the closed door")
        gate.set()
        asking.join()
        assert [answer.status_code for answer in answers] == [200]
        assert service.running.wait() == 0


def accepts(service: Service) -> bool:
    try:
        service.get("/health")
    except httpx.TransportError:
        return False
    return True


@pytest.mark.usefixtures("broker")
def test_answers_reach_the_log_and_hints_come_by_the_control_topic(
    settings: Settings, broker: KafkaBroker, tmp_path: Path
) -> None:
    topic = Topic(f"control-{uuid.uuid4().hex}", partitions=1)
    kafka.create_topics(settings.kafka, [topic])
    hinted, stop = threading.Event(), threading.Event()
    listener = Listener(settings, [topic.name], SystemClock())
    following = threading.Thread(target=listener.follow, args=(stop, hinted.set))
    following.start()
    assert hinted.wait(60)
    hinted.clear()
    publisher = Publisher(settings.kafka)
    until(lambda: sent(publisher, topic.name) and hinted.is_set(), "the hint")
    stop.set()
    following.join()

    service = Service(tmp_path, KAFKA__PORT=settings.kafka.port)
    service.registry.promote(service.register(0), "first")
    service.start()
    try:
        answer = httpx.post(f"http://127.0.0.1:{service.port}{PATH}", json=RECORD).json()
    finally:
        service.running.terminate()
        assert service.running.wait() == 0
    found: list[dict[str, Any]] = []
    kafka.read_all(settings.kafka, PREDICTIONS, lambda one: found.append(json.loads(one.value())))
    mine = [one for one in found if one["request_id"] == answer["request_id"]]
    assert [one["features"] for one in mine] == [RECORD]
    assert mine[0]["probability"] == answer["probability"]


def sent(publisher: Publisher, topic: str) -> bool:
    publisher.send(topic, None, b"anything")
    publisher.deliver()
    return True
