"""The stream door: messages in, decisions out, in lots of what is there.

The order of a lot is: read, decide, hand the decisions over, and commit the offsets once all of
them are acknowledged. A door that is killed in between decides the same messages again, to the same
bit, so readers drop repetitions by the event's id, which is the key of the decision.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Generic

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from lakehouse.clock import Clock
from lakehouse.kafka_access import Access
from lakehouse.pace import Pace
from lakehouse.settings.kafka import KafkaSettings
from serving.stream_description import E, Refused, S, Scored, StreamDescription
from serving.stream_lots import Lot, Lots
from serving.stream_model import Champion, StreamModel
from serving.stream_partitions import Partitions
from serving.stream_refusal import copy_of
from serving.stream_state import PartitionState, Snapshots
from serving.stream_tally import Tally

LOG = logging.getLogger(__name__)
POLL_S, COMMIT_S, SETTLE_S, MODEL_S = 0.1, 0.5, 10.0, 0.5
MOST = 999
CONSUMER = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "session.timeout.ms": 10_000,
    "partition.assignment.strategy": "range",
}
# Decisions wait for a broker that is away; nothing is given up.
PRODUCER = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 0,
    "compression.type": "lz4",
    "message.timeout.ms": 0,
    "queue.buffering.max.messages": 100_000,
}


class StreamDoor(Generic[E, S]):
    """Decides the messages of one stream, as a member of a consumer group."""

    def __init__(
        self,
        description: StreamDescription[E, S],
        kafka: KafkaSettings,
        champion: Champion,
        snapshots: Snapshots[S],
        clock: Clock,
        pace: Pace,
    ) -> None:
        description = description.on(kafka)
        self._description, self.champion, self._clock = description, champion, clock
        self._pace = pace
        self._access = Access(kafka)
        group = {"group.id": description.name, **CONSUMER}
        self._consumer = Consumer(self._access.options | group)
        self._producer = Producer(self._access.options | PRODUCER)
        self._lots = Lots()
        self._partitions = Partitions(description.topic_in, snapshots, self._settle, self._lots)
        self._topic_id = snapshots.topic_id
        self._committed_at = 0.0
        self.tally = Tally()

    def run(self, stop: threading.Event) -> None:
        """Decide until `stop`.

        Raises `AccessError` when the broker refuses this client, and `ServiceError` for a decision
        that cannot be delivered.
        """
        self.champion.keep_fresh(stop)
        try:
            model = self._await_model(stop)
            if model is None:
                return
            with self._access.checked():
                self._partitions.follow(self._consumer)
            while not stop.is_set():
                with self._access.checked():
                    self._turn(self.champion.current or model)
                self._access.check()
        finally:
            self.champion.end()
            self._close()

    def snapshot_every(self, seconds: float) -> None:
        """Save the state of every partition once in so many seconds."""
        self._partitions.snapshot_s = seconds

    def _await_model(self, stop: threading.Event) -> StreamModel | None:
        said = False
        while not stop.is_set():
            model = self.champion.current or self.champion.refresh()
            if model is not None:
                return model
            if not said:
                LOG.warning("there is no champion yet, so nothing is decided")
                said = True
            self._clock.wait(stop, MODEL_S)
        return None

    def _turn(self, model: StreamModel) -> None:
        """One round: wait for a message, then take whatever else is there."""
        allowed = self._pace.allowed(MOST)
        if not allowed:
            self._producer.poll(POLL_S / 10)
            self._commit()
            return
        first = self._consumer.poll(POLL_S)
        if first is not None:
            before = self._partitions.generation
            more = self._consumer.consume(allowed - 1, 0) if allowed > 1 else []
            # Where partitions have come or gone in between, the first message will come again.
            is_first_valid = before == self._partitions.generation
            self._decide([first, *more] if is_first_valid else more, model)
        self._producer.poll(0)
        self._commit()
        self._partitions.snapshot_in_turn(self._clock.monotonic())

    def _decide(self, messages: list[Message], model: StreamModel) -> None:
        lot = Lot(self._access)
        events: list[E] = []
        rows: list[tuple[float, ...]] = []
        for message in messages:
            for event, row in self._read(message, lot):
                events.append(event)
                rows.append(row)
        if rows:
            self._answer(events, rows, model, lot)
        self._pace.spent(len(messages))
        self._lots.add(lot)

    def _read(self, message: Message, lot: Lot) -> Iterator[tuple[E, tuple[float, ...]]]:
        """The events of a message that are to be decided, with their features."""
        error = message.error()
        if error is not None:
            self._access.note(error)
            if error.code() == KafkaError._PARTITION_EOF or error.retriable():
                return
            raise KafkaException(error)
        number, offset = message.partition() or 0, message.offset() or 0
        state = self._partitions.held.get(number)
        if state is None or offset < state.next:
            return  # taken away while the lot was read; the next owner decides it
        is_live = offset >= state.live_from
        state.next = lot.ends[number] = offset + 1
        events = self._description.decode(message.value())
        if isinstance(events, Refused):
            if is_live:
                self._refuse(message, events, lot)
            return
        for event in events:
            features = self._step(state, event)
            self.tally.read(is_live, features is None)
            if is_live and features is not None:
                yield event, features

    def _step(self, state: PartitionState[S], event: E) -> tuple[float, ...] | None:
        entity = self._description.entity(event)
        mine = state.entities.get(entity)
        if mine is None:
            mine = state.entities[entity] = self._description.state_type()
        return self._description.step(mine, event)

    def _answer(
        self, events: list[E], rows: list[tuple[float, ...]], model: StreamModel, lot: Lot
    ) -> None:
        matrix = np.array(rows)[:, model.columns]
        scores = model.scorer.score(np.ascontiguousarray(matrix))
        probabilities, flags = scores.probability.tolist(), scores.prediction.tolist()
        now, version = self._clock.now(), model.version
        encode = self._description.encode
        for event, row, score, flag in zip(events, rows, probabilities, flags, strict=True):
            scored = Scored(row, score, bool(flag), version, model.policy, now)
            key, value = encode(event, scored)
            self._send(self._description.topic_out, key, value, lot)
        self.tally.decided(len(events), sum(flags), version)

    def _refuse(self, message: Message, refused: Refused, lot: Lot) -> None:
        key, value, headers = copy_of(message, refused)
        self._send(self._description.topic_refused, key, value, lot, headers)
        self.tally.refused()

    def _send(
        self,
        topic: str,
        key: str | bytes | None,
        value: bytes | None,
        lot: Lot,
        headers: dict[str, str] | None = None,
    ) -> None:
        lot.pending += 1
        while True:
            try:
                self._producer.produce(
                    topic, value, key, on_delivery=lot.delivered, headers=headers or {}
                )
                return
            except BufferError:
                self._producer.poll(POLL_S)
                self._access.check()

    def _commit(self) -> None:
        now = self._clock.monotonic()
        if now - self._committed_at < COMMIT_S:
            return
        self._committed_at = now
        self._lots.settle()
        due = self._lots.take_due()
        if due:
            self._consumer.commit(offsets=self._places(due), asynchronous=True)
        self.tally.publish(self._clock)

    def _settle(self) -> bool:
        """Wait until all answers are acknowledged and their offsets committed; false if not."""
        self._producer.flush(SETTLE_S)
        self._lots.settle()
        due = self._lots.take_due()
        if due:
            try:
                self._consumer.commit(offsets=self._places(due), asynchronous=False)
            except KafkaException as error:
                LOG.warning("offsets are not committed, so some messages are decided again: %s",
                            error)  # fmt: skip
                self._lots.give_back(due)
                return False
        return self._lots.is_settled

    def _places(self, ends: dict[int, int]) -> list[TopicPartition]:
        topic, topic_id = self._description.topic_in, self._topic_id
        return [TopicPartition(topic, number, end, topic_id) for number, end in ends.items()]

    def _close(self) -> None:
        self._consumer.close()  # calls back for the partitions that it gives up
        self._producer.flush(SETTLE_S)
