"""Kafka for services without a JVM: client settings, topics, and message counts.

Topics go by the names that domains give them; `KafkaSettings.topic` says what a broker calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import stamina
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from lakehouse.domain import Topic
from lakehouse.errors import ServiceError
from lakehouse.kafka_access import Access
from lakehouse.settings.kafka import KafkaSettings

FOR_EVER, MS_PER_DAY = -1, 86_400_000
TIMEOUT_S, LEADERS_S = 10.0, 60.0
AT_ONCE = 10_000
# How long a read waits for more before it looks whether it has reached the end.
PAUSE_S = 0.2


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Options of a client that nobody waits for; other clients take those of an `Access`."""
    return Access(kafka).options


def create_topics(kafka: KafkaSettings, topics: Iterable[Topic]) -> None:
    """Create the topics that are missing; existing ones are left unchanged.

    Raises `ServiceError` when the broker cannot be reached, and `AccessError` when it refuses; if
    all topics exist, the permission to create topics is not needed.
    """
    access = Access(kafka)
    admin = AdminClient(access.options)
    try:
        with access.checked(serve=lambda: admin.poll(0)):
            found = admin.list_topics(timeout=TIMEOUT_S).topics
        wanted = [_new(kafka, topic) for topic in topics if kafka.topic(topic.name) not in found]
        made = admin.create_topics(wanted) if wanted else {}
        for name, future in made.items():
            with access.checked(f"create topic {name}", serve=lambda: admin.poll(0)):
                _await_topic(name, future)
                _require_leaders(admin, name)
    except (KafkaException, TimeoutError) as error:
        said = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        where = f"Kafka at {kafka.bootstrap_servers}"
        raise ServiceError(where, "an answer", said, _DO) from None


def _new(kafka: KafkaSettings, topic: Topic) -> NewTopic:
    config = {
        "retention.ms": str(_retention_ms(kafka, topic)),
        "cleanup.policy": "compact" if topic.compacted else "delete",
    }
    replicas = 1 if kafka.embedded else -1
    partitions = kafka.topic_partitions.get(topic.name) or topic.partitions or kafka.partitions
    return NewTopic(kafka.topic(topic.name), partitions, replicas, config=config)


def _retention_ms(kafka: KafkaSettings, topic: Topic) -> int:
    """The topic's own retention, or else that of the settings; -1 keeps messages forever."""
    if topic.retention_ms != FOR_EVER or kafka.retention_days is None:
        return topic.retention_ms
    return int(kafka.retention_days * MS_PER_DAY)


def _await_topic(name: str, future: Future[None]) -> None:
    try:
        future.result(TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise ServiceError(f"topic {name}", "to be created", str(error), _DO) from error


_NOT_YET = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    # A broker names a partition's epoch a moment before it leads the partition with that epoch.
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
)


# The controller has made a topic some time before the broker knows and leads its partitions.
@stamina.retry(on=ServiceError, attempts=None, timeout=LEADERS_S, wait_initial=0.05, wait_max=1.0)
def _require_leaders(admin: AdminClient, name: str) -> None:
    try:
        found = admin.list_topics(name, timeout=TIMEOUT_S).topics[name]
        if found.error is not None:
            raise KafkaException(found.error)
        asked = {TopicPartition(name, number): OffsetSpec.latest() for number in found.partitions}
        for future in admin.list_offsets(asked).values():
            future.result(TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() not in _NOT_YET:
            raise
        said = error.args[0].str()
        raise ServiceError(f"topic {name}", "a leader of each partition", said, _DO) from error


_DO = "check that the broker runs (`cdrlake status`) and kafka.security.protocol"


@contextmanager
def _consumer(kafka: KafkaSettings, isolation: str = "read_committed") -> Iterator[Consumer]:
    options = {
        "group.id": "cdrlake-reader",
        "enable.auto.commit": "false",
        "enable.partition.eof": "true",
        "isolation.level": isolation,
    }
    access = Access(kafka)
    consumer = Consumer(access.options | options)
    try:
        with access.checked(serve=lambda: consumer.poll(0)):
            yield consumer
    finally:
        consumer.close()


def offset_ranges(kafka: KafkaSettings, topic: str) -> dict[int, tuple[int, int]]:
    """First offset that the broker still holds, and end offset, of each partition.

    Not every offset is a message: transactions leave markers, and compaction leaves holes.
    """
    # A consumer of committed messages would be told the start of an open transaction as the end.
    topic = kafka.topic(topic)
    with _consumer(kafka, "read_uncommitted") as consumer:
        described = consumer.list_topics(topic, TIMEOUT_S).topics[topic]
        if described.error is not None:
            raise KafkaException(described.error)
        return {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), TIMEOUT_S)
            for number in described.partitions
        }


def message_count(kafka: KafkaSettings, topic: str) -> int:
    """Messages ever written to the topic, by its end offsets: an upper bound that costs nothing."""
    return sum(end_offsets(kafka, topic).values())


def topic_id(kafka: KafkaSettings, topic: str) -> str | None:
    """The broker's own id of the topic, which changes when it is deleted and recreated.

    None if there is no such topic. Raises `KafkaException` when the broker does not answer.
    """
    admin, topic = AdminClient(client_options(kafka)), kafka.topic(topic)
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_S)
    try:
        return str(described[topic].result().topic_id)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise


def end_offsets(kafka: KafkaSettings, topic: str) -> dict[int, int]:
    """End offset of each partition."""
    return {number: end for number, (_, end) in offset_ranges(kafka, topic).items()}


def read_all(kafka: KafkaSettings, topic: str, visit: Callable[[Message], None]) -> None:
    """Call `visit` with each committed message from the beginning to the current end.

    Raises `ServiceError` when the broker stops answering.
    """
    ranges = offset_ranges(kafka, topic)
    with _consumer(kafka) as consumer:
        for message in _messages(consumer, kafka.topic(topic), ranges):
            visit(message)


def read_ranges(
    kafka: KafkaSettings, topic: str, ranges: Mapping[int, Iterable[tuple[int, int]]]
) -> Iterator[Message]:
    """Committed messages in offset ranges: for each partition, from the first up to the second.

    Raises `ServiceError` when the broker stops answering.
    """
    with _consumer(kafka) as consumer:
        for partition, spans in ranges.items():
            for span in spans:
                yield from _messages(consumer, kafka.topic(topic), {partition: span})


def _messages(
    consumer: Consumer, topic: str, ranges: Mapping[int, tuple[int, int]]
) -> Iterator[Message]:
    """Messages of these ranges; a partition ends when the broker says so, or with its range.

    The last offsets of a range may be markers that consumers never see, so counting would not work.
    """
    ends = {number: end for number, (first, end) in ranges.items() if end > first}
    consumer.assign([TopicPartition(topic, number, ranges[number][0]) for number in ends])
    silent = 0
    while ends:
        found = consumer.consume(AT_ONCE, PAUSE_S)
        silent = 0 if found else silent + 1
        if silent * PAUSE_S >= TIMEOUT_S:
            raise ServiceError(f"topic {topic}", "a message", f"none in {TIMEOUT_S:.0f} s", _DO)
        for message in found:
            error, number = message.error(), message.partition()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                refused = KafkaException(error)
                raise ServiceError(f"topic {topic}", "a message", str(error), _DO) from refused
            end = ends.get(number)
            if end is None:
                continue  # written after the read began
            if error is None and message.offset() < end:
                yield message
            if error is not None or message.offset() >= end - 1:
                del ends[number]
