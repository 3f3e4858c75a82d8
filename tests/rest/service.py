"""A serving process inside the test: real HTTP on a free port, a registry in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from cdrlake.services.ports import free_ports
from lakehouse.clock import SystemClock
from lakehouse.models.manifest import FOREST
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings import Settings
from serving.models import Models
from serving.rest.app import App
from serving.rest.door import Door
from serving.rest.features import FeatureSource
from serving.rest.log import PredictionLog
from serving.rest.metrics import Metrics
from serving.rest.routes import Route
from serving.rest.server import Config
from tests.rest import samples
from tests.toy.machines import FAILURES

CLOCK = SystemClock()
NAME = "m"


@dataclass
class Kept:
    """A log's messages, by topic."""

    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def send(self, topic: str, key: str | bytes | None, value: str | bytes) -> None:
        self.messages.append((topic, json.loads(value)))

    def deliver(self, seconds: float = 1.0) -> None:
        """They are here already."""


@dataclass
class Running:
    """A service and what the test may look at."""

    client: httpx.Client
    app: App
    models: Models
    registry: Registry
    store: MemoryStore
    log: Kept
    port: int
    folder: Path
    server: uvicorn.Server

    def waiting(self) -> int:
        """Requests in work."""
        return len(self.server.server_state.tasks) + self.app.lane.begun

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, content=content, **options)

    def predict(self, body: Any, **options: Any) -> httpx.Response:
        return self.post(f"/models/{NAME}/predict", body, **options)

    def register(self, seed: int, kind: str = FOREST) -> int:
        """One more version; its number."""
        place = self.folder / f"bundle-{len(self.registry.versions())}"
        return self.registry.register(*samples.seal(place, kind, seed)).number

    def promote(self, number: int) -> None:
        self.registry.promote(number, "a test")
        self.models.refresh()


@contextmanager
def running(
    folder: Path,
    kind: str = FOREST,
    serving: Mapping[str, Any] | None = None,
    others: Mapping[str, Any] | None = None,
    extra: tuple[Route, ...] = (),
) -> Iterator[Running]:
    """A service with one model, of which version 1 is champion."""
    port = free_ports(1)[0]
    values = {"port": port, **(serving or {})}
    settings = Settings.model_validate(
        {"state_dir": str(folder), "serving": values, **(others or {})}
    )
    store = MemoryStore(folder / "store")
    registry, kept, metrics = Registry(store, CLOCK), Kept(), Metrics()
    registry.register(*samples.seal(folder / "bundle", kind))
    registry.promote(1, "first")
    is_logged = settings.serving.log_predictions
    log = PredictionLog((lambda: kept) if is_logged else None, CLOCK,
                        settings.serving.log_queue, metrics.log_dropped.inc)  # fmt: skip
    models = Models({NAME: registry}, CLOCK)
    lookups = {NAME: FeatureSource(settings, FAILURES)}
    app = App(Door(models, settings.serving, CLOCK, metrics, log, lookups), settings, extra)
    with listening(app, settings) as (server, client):
        yield Running(client, app, models, registry, store, kept, port, folder, server)


@contextmanager
def listening(app: App, settings: Settings) -> Iterator[tuple[uvicorn.Server, httpx.Client]]:
    """The application behind its port, and a client of it."""
    server = uvicorn.Server(Config(app, settings.serving))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    never = threading.Event()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        never.wait(0.01)
    address = f"http://127.0.0.1:{settings.serving.port}"
    with httpx.Client(base_url=address, timeout=30) as client:
        yield server, client
    server.should_exit = True
    thread.join()
