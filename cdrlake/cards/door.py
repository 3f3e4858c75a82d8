"""The alarm path as a process: `topic_1` in, `topic_2` out."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

from cdrlake.cards.reading import Reader
from lakehouse import kafka
from lakehouse.clock import Clock, SystemClock
from lakehouse.domains.cards import names
from lakehouse.domains.cards.card_state import CardState
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.cards.messages import Incoming
from lakehouse.domains.settings import Settings, load
from lakehouse.http import server
from lakehouse.pace import Pace
from lakehouse.registry import open_registry
from lakehouse.settings.root import from_root
from serving.cards.description import describe
from serving.control import FileWatch
from serving.model_versions import Versions
from serving.stream import StreamDoor
from serving.stream_model import Champion
from serving.stream_state import Snapshots

LOG = logging.getLogger("cdrlake.cards.door")
NAME = "cards-door"


def build(settings: Settings, registry: Versions, clock: Clock) -> StreamDoor[Incoming, CardState]:
    """The door of this installation, scoring with the champion of `registry`."""
    description = describe(settings.cards, Reader(settings, clock))
    topic_id = kafka.topic_id(settings.kafka, names.TOPIC_TRANSACTIONS)
    hints = (FileWatch(settings.tracking_uri, clock),)
    champion = Champion(registry, description, clock, hints)
    snapshots = Snapshots(snapshot_folder(settings), topic_id, CardState)
    pace = Pace(settings.cards.door_rate, clock)
    door = StreamDoor(description, settings.kafka, champion, snapshots, clock, pace)
    door.snapshot_every(settings.cards.snapshot_seconds)
    return door


def snapshot_folder(settings: Settings) -> Path:
    """Where the state is kept; several doors on one machine share it."""
    chosen = settings.cards.snapshot_dir
    return from_root(chosen) if chosen else settings.state / "stream" / names.NAME


def serve(settings: Settings, stop: threading.Event) -> None:
    """Decide until `stop`."""
    clock = SystemClock()
    door = build(settings, open_registry(settings, FRAUD), clock)
    door.tally.path = settings.state / "stream" / f"{NAME}.json"
    LOG.info("deciding %s into %s", names.TOPIC_TRANSACTIONS, names.TOPIC_DECISIONS)
    door.run(stop)


def main() -> int:
    """Decide until SIGTERM or Ctrl-C; returns 0 then, or 1 if something is refused."""
    return server.run(load, serve)


if __name__ == "__main__":
    sys.exit(main())
