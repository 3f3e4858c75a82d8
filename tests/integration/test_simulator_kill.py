"""Kill -9 of the service in mid-stream, again and again: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message

from flaskapp.cdr import loader
from lakehouse import kafka, mysql
from lakehouse.children import die_with_parent
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("broker"), pytest.mark.timeout(3600)]
KILLS = int(os.environ.get("KILLS", "6"))  # `make test-long`: 20
BATCH_ROWS = 3_000
WORLD = {"subscribers": 60, "history_days": 10, "replay_days": 0}


class Service:
    """The simulator as a child process."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._settings, self._log = settings, log
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = threading.Event()

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flaskapp"],
                env=self._environment(),
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(),
            )
        while self._ask("GET", "/health") is None:
            assert self._process.poll() is None, self._log.read_text(encoding="utf-8")
            self.wait(0.05)

    def kill(self) -> None:
        """End it as the kernel would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._pause.wait(seconds)

    def get(self, path: str) -> dict[str, Any]:
        """The answer to GET."""
        return self._ask("GET", path) or {}

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to POST."""
        return self._ask("POST", path, json.dumps(body).encode()) or {}

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any] | None:
        url = f"http://127.0.0.1:{self._settings.simulator.port}{path}"
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, body, method=method), timeout=30
            ) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    def _environment(self) -> dict[str, str]:
        own = {"CDRLAKE_MYSQL__DATABASE": self._settings.mysql.database}
        own |= {f"CDRLAKE_WORLD__{key.upper()}": str(value) for key, value in WORLD.items()}
        return {**os.environ, **own}


@pytest.fixture
def service(fresh: Settings, tmp_path: Path) -> Iterator[Service]:
    world = fresh.world.model_copy(update=WORLD)
    loader.load_history(fresh.model_copy(update={"world": world}))
    made = Service(fresh, tmp_path / "service.log")
    yield made
    made.kill()


def stored(settings: Settings) -> list[str]:
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT stream_id, sequence FROM {names.MYSQL_RAW}")
        return [f"{stream}:{sequence}" for stream, sequence in cursor.fetchall()]


def published(settings: Settings, streams: set[str]) -> list[str]:
    ids: list[str] = []

    def keep(message: Message) -> None:
        event_id = json.loads(message.value() or b"{}").get("event_id", "")
        if event_id.split(":")[0] in streams:
            ids.append(event_id)

    kafka.read_all(settings.kafka, names.TOPIC_EVENTS, keep)
    return ids


def test_kills_at_random_moments_lose_and_double_nothing(fresh: Settings, service: Service) -> None:
    moments = random.Random(20)
    service.start()
    body = {"batch_size": BATCH_ROWS, "num_batches": 1_000, "interval": 1, "seed": 1}
    stream_id = service.post("/start_stream", body)["stream_id"]
    for _ in range(KILLS):
        service.wait(moments.uniform(0.0, 1.5))
        service.kill()
        service.start()
    sent = service.get(f"/streams/{stream_id}")["sent_rows"]
    while service.get(f"/streams/{stream_id}")["sent_rows"] == sent:
        service.wait(0.1)
    assert service.post("/stop_stream", {})["stream_id"] == stream_id
    while service.get("/health")["backlog"]["rows"]:
        service.wait(0.1)
    stream = service.get(f"/streams/{stream_id}")
    ids = stored(fresh)
    own = [event_id for event_id in ids if event_id.startswith(f"{stream_id}:")]
    assert stream["sent_rows"] == stream["sent_batches"] * BATCH_ROWS == len(own)
    assert {int(event_id.split(":")[1]) for event_id in own} == set(range(len(own)))
    arrived = published(fresh, {event_id.split(":")[0] for event_id in ids})
    assert len(ids) == len(set(ids))
    assert set(arrived) == set(ids)
