"""The state of a partition's entities, and its snapshots on disk.

A snapshot says at which offset the state stood. It is only written at an offset that the group has
committed, so what is not yet decided is never in it. State is restored from the snapshot and the
messages behind it, or from the beginning of the topic; both give the same bits.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from lakehouse import files

LOG = logging.getLogger(__name__)
S = TypeVar("S")
_HASH = 32


@dataclass
class PartitionState(Generic[S]):
    """What the door knows of one partition.

    Messages before `live_from` were decided before and are only read to restore the state. `next`
    is the offset after the last message that the state knows.
    """

    live_from: int
    next: int
    entities: dict[str, S] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot(Generic[S]):
    """The state of a partition after all messages before `offset`."""

    offset: int
    entities: dict[str, S]


class Snapshots(Generic[S]):
    """Snapshots below a folder, one file for each partition; the folder may be shared.

    `topic_id` is the broker's id of the topic, which changes when a topic is created again.
    """

    def __init__(self, folder: Path, topic_id: str | None, state_type: type[S]) -> None:
        self._folder, self.topic_id = folder, topic_id or ""
        # A type is built at run time here; mypy knows only those written down.
        self._decoder = msgspec.msgpack.Decoder(tuple[str, int, dict[str, state_type]])  # type: ignore[valid-type]
        self._encoder = msgspec.msgpack.Encoder()

    def save(self, partition: int, offset: int, entities: dict[str, S]) -> None:
        """Replace the partition's snapshot."""
        body = self._encoder.encode((self.topic_id, offset, entities))
        self._folder.mkdir(parents=True, exist_ok=True)
        files.replace(self._path(partition), hashlib.sha256(body).digest() + body)

    def load(self, partition: int) -> Snapshot[S] | None:
        """The partition's snapshot; None if there is none, or not one of this topic.

        A damaged file counts as none, because the topic has everything.
        """
        path = self._path(partition)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        body = data[_HASH:]
        if hashlib.sha256(body).digest() != data[:_HASH]:
            LOG.warning("%s is damaged and is not used", path)
            return None
        try:
            topic_id, offset, entities = self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            LOG.warning("%s is from another version and is not used: %s", path, error)
            return None
        return Snapshot(offset, entities) if topic_id == self.topic_id else None

    def _path(self, partition: int) -> Path:
        return self._folder / f"{partition}.state"
