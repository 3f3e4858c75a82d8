"""A stream door of the toy as a process: `python -m bench.machine_door PORT NAME FOLDER`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from lakehouse import kafka
from lakehouse.children import end_with_parent
from lakehouse.clock import SystemClock
from lakehouse.http import server
from lakehouse.pace import Pace
from lakehouse.settings import Settings
from lakehouse.settings.kafka import KafkaSettings
from serving.stream import StreamDoor
from serving.stream_model import Champion
from serving.stream_state import Snapshots
from tests.toy.machine_stream import Machine, OneVersion, describe


def serve(settings: Settings, stop: threading.Event) -> None:
    """Decide until `stop`."""
    _, name, folder = sys.argv[1:]
    description, clock = describe(name), SystemClock()
    snapshots = Snapshots(Path(folder), kafka.topic_id(settings.kafka, name), Machine)
    champion = Champion(OneVersion(), description, clock)
    door = StreamDoor(description, settings.kafka, champion, snapshots, clock, Pace(0, clock))
    door.snapshot_every(1.0)
    door.run(stop)


def load() -> Settings:
    """Settings of the broker alone."""
    return Settings(kafka=KafkaSettings(port=int(sys.argv[1])))


if __name__ == "__main__":
    end_with_parent()
    sys.exit(server.run(load, serve))
