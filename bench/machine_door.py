"""A stream door of the toy as a process: `python -m bench.machine_door PORT NAME FOLDER`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from lakehouse import kafka
from lakehouse.children import end_with_parent
from lakehouse.clock import SystemClock
from lakehouse.http import server
from lakehouse.models.linear import LinearModel
from lakehouse.pace import Pace
from lakehouse.settings import Settings
from lakehouse.settings.kafka import KafkaSettings
from serving.stream import StreamDoor
from serving.stream_description import StreamDescription
from serving.stream_model import Champion
from serving.stream_state import Snapshots
from tests.toy.machine_stream import MODEL, OneVersion, describe


def serve(settings: Settings, stop: threading.Event) -> None:
    """Decide until `stop`."""
    _, _, name, folder = sys.argv
    decide(describe(name), MODEL, settings.kafka, Path(folder), 1.0, stop)


def decide(
    description: StreamDescription[Any, Any], model: LinearModel, broker: KafkaSettings,
    folder: Path, snapshot_s: float, stop: threading.Event,
) -> None:  # fmt: skip
    """Decide a stream with one version of a model, and keep its state in `folder`."""
    clock, topic_id = SystemClock(), kafka.topic_id(broker, description.topic_in)
    snapshots = Snapshots(folder, topic_id, description.state_type)
    champion = Champion(OneVersion(model), description, clock)
    door = StreamDoor(description, broker, champion, snapshots, clock, Pace(0, clock))
    door.snapshot_every(snapshot_s)
    door.run(stop)


def load() -> Settings:
    """Settings of the broker alone."""
    return Settings(kafka=KafkaSettings(port=int(sys.argv[1])))


if __name__ == "__main__":
    end_with_parent()
    sys.exit(server.run(load, serve))
