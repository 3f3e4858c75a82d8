"""The partitions of one process: their state, restored on assignment, saved on revocation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic

from confluent_kafka import Consumer, TopicPartition

from serving.stream_description import S
from serving.stream_lots import Lots
from serving.stream_state import PartitionState, Snapshots

LOG = logging.getLogger(__name__)
TIMEOUT_S = 10.0
SNAPSHOT_S = 120.0


class Partitions(Generic[S]):
    """Partitions of one topic; `held` is their state by number.

    `settle` waits for everything that is on its way, and says whether all of it arrived and is
    committed. Only then does the state stand at a committed offset and may be saved. `generation`
    changes whenever partitions come or go.
    """

    def __init__(
        self,
        topic: str,
        snapshots: Snapshots[S],
        settle: Callable[[], bool],
        lots: Lots,
    ) -> None:
        self._topic, self._snapshots = topic, snapshots
        self._settle, self._lots = settle, lots
        self.held: dict[int, PartitionState[S]] = {}
        self.snapshot_s = SNAPSHOT_S
        self.generation = 0
        self._next_at: float | None = None
        self._turn = 0

    def follow(self, consumer: Consumer) -> None:
        """Subscribe, and take and give partitions as the group decides."""
        consumer.subscribe(
            [self._topic], on_assign=self._taken, on_revoke=self._given, on_lost=self._lost
        )

    def snapshot_in_turn(self, now: float) -> None:
        """Save one partition's state when its time has come, the next one later."""
        if not self.held:
            return
        pause = self.snapshot_s / len(self.held)
        if self._next_at is None or now < self._next_at:
            self._next_at = self._next_at or now + pause
            return
        self._next_at = now + pause
        numbers = sorted(self.held)
        self._turn += 1
        if self._settle():
            self._save(numbers[self._turn % len(numbers)])

    def _taken(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.generation += 1
        wanted = [TopicPartition(self._topic, one.partition) for one in partitions]
        found = consumer.committed(wanted, TIMEOUT_S)
        committed = {one.partition: self._committed(one) for one in found}
        places = [self._restore(consumer, one, committed[one.partition]) for one in wanted]
        consumer.assign(places)
        LOG.info("partitions %s", ", ".join(str(one.partition) for one in places) or "none")

    def _committed(self, one: TopicPartition) -> int:
        """The group's offset; below 0 if it has none, or one in an earlier topic of that name."""
        metadata = getattr(one, "metadata", None)
        return -1 if metadata and metadata != self._snapshots.topic_id else one.offset

    def _restore(self, consumer: Consumer, one: TopicPartition, committed: int) -> TopicPartition:
        """Where to read from, and the state that goes with it."""
        first, _ = consumer.get_watermark_offsets(one, TIMEOUT_S)
        live_from = max(committed, first)
        snapshot = self._snapshots.load(one.partition)
        # A snapshot ahead of the group's offset is of a group that was reset since.
        if snapshot is None or snapshot.offset > live_from:
            return self._start(one.partition, PartitionState(live_from, first))
        if snapshot.offset < first:
            LOG.warning(
                "partition %d: messages %d to %d are gone from the topic; the state lacks them",
                one.partition, snapshot.offset, first - 1,
            )  # fmt: skip
        start = max(snapshot.offset, first)
        return self._start(one.partition, PartitionState(live_from, start, snapshot.entities))

    def _start(self, number: int, state: PartitionState[S]) -> TopicPartition:
        self.held[number] = state
        return TopicPartition(self._topic, number, state.next)

    def _given(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        is_settled = self._settle()
        for one in partitions:
            if is_settled:
                self._save(one.partition)
        self._lost(consumer, partitions)
        consumer.unassign()

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.generation += 1
        numbers = [one.partition for one in partitions]
        self._lots.forget(numbers)
        for number in numbers:
            self.held.pop(number, None)

    def _save(self, number: int) -> None:
        """Save a partition's state, which stands at a committed offset by now."""
        state = self.held.get(number)
        if state is not None and state.next >= state.live_from:
            self._snapshots.save(number, state.next, state.entities)
