"""Parts of the stream service without a broker: offsets, snapshots, and where reading goes on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from lakehouse.errors import ServiceError
from lakehouse.kafka_access import Access
from lakehouse.settings.kafka import KafkaSettings
from serving import stream_refusal
from serving.stream_description import Refused
from serving.stream_lots import Lot, Lots
from serving.stream_partitions import Partitions
from serving.stream_state import Snapshots

TOPIC = "t"


class Count(msgspec.Struct, array_like=True):
    """A state that counts."""

    seen: int = 0


class Broker:
    """As much of a consumer as taking partitions needs."""

    def __init__(self, committed: int, metadata: str, first: int = 0) -> None:
        self.place = TopicPartition(TOPIC, 0, committed, metadata)
        self.first = first
        self.assigned: list[TopicPartition] = []

    def subscribe(self, _: list[str], **callbacks: object) -> None:
        self.callbacks = callbacks

    def committed(self, _: list[TopicPartition], __: float) -> list[TopicPartition]:
        return [self.place]

    def get_watermark_offsets(self, _: TopicPartition, __: float) -> tuple[int, int]:
        return self.first, 100

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = places


def taken(broker: Broker, snapshots: Snapshots[Count]) -> tuple[int, int, dict[str, Count]]:
    """Where reading begins, where deciding begins, and the state, after partition 0 is taken."""
    partitions = Partitions(TOPIC, snapshots, lambda: True, Lots())
    partitions.follow(cast(Consumer, broker))
    partitions._taken(cast(Consumer, broker), [TopicPartition(TOPIC, 0)])
    state = partitions.held[0]
    return broker.assigned[0].offset, state.live_from, state.entities


def snapshots(folder: Path, topic_id: str = "id") -> Snapshots[Count]:
    return Snapshots(folder, topic_id, Count)


STATE = {"k": Count(7)}


@pytest.mark.parametrize(
    ("saved_at", "committed", "metadata", "first", "expected"),
    [
        (None, -1001, "", 0, (0, 0, {})),  # a new group
        (None, 40, "id", 0, (0, 40, {})),  # no snapshot: the topic from its beginning
        (30, 40, "id", 0, (30, 40, STATE)),
        (50, 40, "id", 0, (0, 40, {})),  # a group that was set back
        (30, 40, "id", 35, (35, 40, STATE)),  # the topic has lost what came after
        (30, 40, "another", 0, (0, 0, {})),  # offsets of a topic that was deleted
        (30, -1001, "", 0, (0, 0, {})),
    ],
)
def test_reading_begins_where_state_and_offsets_agree(
    tmp_path: Path,
    saved_at: int | None,
    committed: int,
    metadata: str,
    first: int,
    expected: tuple[int, int, dict[str, Count]],
) -> None:
    kept = snapshots(tmp_path)
    if saved_at is not None:
        kept.save(0, saved_at, STATE)
    assert taken(Broker(committed, metadata, first), kept) == expected


def test_a_snapshot_is_read_back_unless_it_is_damaged_or_of_another_topic(tmp_path: Path) -> None:
    kept = snapshots(tmp_path)
    assert kept.load(0) is None
    kept.save(0, 5, STATE)
    found = kept.load(0)
    assert found is not None
    assert (found.offset, found.entities) == (5, STATE)
    assert snapshots(tmp_path, "other").load(0) is None
    place = next(tmp_path.iterdir())
    place.write_bytes(place.read_bytes()[:-1] + b"\x00")
    assert kept.load(0) is None


def test_offsets_are_released_in_order_and_never_past_a_lot_that_is_pending() -> None:
    access, lots = Access(KafkaSettings()), Lots()
    first, second = Lot(access), Lot(access)
    first.ends, first.pending = {0: 5, 1: 3}, 1
    second.ends = {0: 9}
    lots.add(first)
    lots.add(second)
    lots.settle()
    assert lots.take_due() == {}
    first.delivered(None, cast(Message, None))
    lots.settle()
    assert lots.is_settled
    assert lots.take_due() == {0: 9, 1: 3}
    lots.give_back({0: 9})
    lots.forget([0])
    assert lots.take_due() == {}


class Refusal:
    """A delivery report's message."""

    def topic(self) -> str:
        """The topic."""
        return TOPIC


def test_a_decision_that_cannot_be_delivered_is_an_error() -> None:
    lot, lots = Lot(Access(KafkaSettings())), Lots()
    lot.ends, lot.pending = {0: 5}, 1
    lots.add(lot)
    lot.delivered(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), cast(Message, Refusal()))
    with pytest.raises(ServiceError, match="every decision acknowledged"):
        lots.settle()
    assert lots.take_due() == {}


@pytest.mark.parametrize(
    ("key", "value", "cut"),
    [
        (None, None, {}),
        (b"k", b"v" * stream_refusal.MOST_VALUE, {}),
        (b"k", b"v" * 2_000_000, {"value_bytes": "2000000"}),
        (b"k" * 1_040_000, b"v", {"key_bytes": "1040000"}),
    ],
)
def test_what_a_producer_cannot_take_is_cut_and_says_how_long_it_was(
    key: bytes | None, value: bytes | None, cut: dict[str, str]
) -> None:
    message = SimpleNamespace(
        topic=lambda: TOPIC, partition=lambda: 3, offset=lambda: 7, key=lambda: key,
        value=lambda: value,
    )  # fmt: skip
    refused = Refused("too_large", "d" * 5_000)
    copy = stream_refusal.copy_of(cast(Message, message), refused)
    told = {"reasons": "too_large", "detail": "d" * 1_000, "place": "t/3/7"}
    assert copy.headers == told | cut
    assert (key or b"").startswith(copy.key or b"")
    assert (value or b"").startswith(copy.value or b"")
    assert (copy.key is None, copy.value is None) == (key is None, value is None)
    assert len(copy.key or b"") + len(copy.value or b"") + 2_000 < 1_000_000
    assert bool(cut) is ((copy.key, copy.value) != (key, value))
