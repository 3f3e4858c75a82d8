"""Ours: `python -m bench.opponents.serving.ours FOLDER PORT`."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.opponents.serving import served
from lakehouse.clock import SystemClock
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings import Settings
from serving.models import Models
from serving.rest import server
from serving.rest.app import App
from serving.rest.door import Door
from serving.rest.log import PredictionLog
from serving.rest.metrics import Metrics


class Nowhere:
    """A log whose messages are made and then forgotten."""

    def send(self, topic: str, key: str | bytes | None, value: str | bytes) -> None:
        """Forget the message."""

    def deliver(self, seconds: float = 0.0) -> None:
        """They are gone."""


def main(folder: Path, port: int) -> None:
    """Serve until SIGTERM, validated, authenticated and logged."""
    clock, metrics = SystemClock(), Metrics()
    registry = Registry(MemoryStore(folder / "store"), clock)
    registry.register(folder / served.BUNDLE, (folder / served.MANIFEST_HASH).read_text())
    registry.promote(1, "the only one")
    keys = {"api_keys": {"client": served.TOKEN}, "port": port, "max_concurrent": 512}
    settings = Settings.model_validate({"serving": keys})
    log = PredictionLog(Nowhere, clock, settings.serving.log_queue, metrics.log_dropped.inc)
    models = Models({served.NAME: registry}, clock)
    door = Door(models, settings.serving, clock, metrics, log, {})
    server.run(App(door, settings), settings.serving)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
