"""Kafka as seen by services without a JVM: client settings, topics, and counts of a topic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lakehouse.domain import Topic
from lakehouse.errors import ServiceError
from lakehouse.kafka_access import Access
from lakehouse.settings.kafka import KafkaSettings

TIMEOUT_S = 10.0
AT_ONCE = 10_000


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Options of a client that nobody waits for; others take those of an `Access`."""
    return Access(kafka).options


def create_topics(kafka: KafkaSettings, topics: Iterable[Topic]) -> None:
    """Create the topics that are missing; those that exist stay as they are.

    Raises `ServiceError` when the broker cannot be reached, and `AccessError` when it refuses;
    where all topics exist, the right to create some is not needed.
    """
    access = Access(kafka)
    admin = AdminClient(access.options)
    try:
        with access.checked(serve=lambda: admin.poll(0)):
            found = admin.list_topics(timeout=TIMEOUT_S).topics
        wanted = [_new(kafka, topic) for topic in topics if topic.name not in found]
        made = admin.create_topics(wanted) if wanted else {}
        for name, future in made.items():
            with access.checked(f"create topic {name}", serve=lambda: admin.poll(0)):
                _await_topic(name, future)
    except (KafkaException, TimeoutError) as error:
        raise ServiceError(
            f"Kafka at {kafka.bootstrap_servers}", "a reachable broker", str(error), _DO
        ) from None


def _new(kafka: KafkaSettings, topic: Topic) -> NewTopic:
    config = {
        "retention.ms": str(topic.retention_ms),
        "cleanup.policy": "compact" if topic.compacted else "delete",
    }
    replicas = 1 if kafka.embedded else -1
    return NewTopic(topic.name, topic.partitions or kafka.partitions, replicas, config=config)


def _await_topic(name: str, future: Future[None]) -> None:
    try:
        future.result(TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise ServiceError(f"topic {name}", "to be created", str(error), _DO) from error


_DO = "check that the broker runs (`cdrlake status`) and kafka.security.protocol"


@contextmanager
def _consumer(kafka: KafkaSettings) -> Iterator[Consumer]:
    options = {"group.id": "cdrlake-reader", "enable.auto.commit": "false"}
    access = Access(kafka)
    consumer = Consumer(access.options | options)
    try:
        with access.checked(serve=lambda: consumer.poll(0)):
            yield consumer
    finally:
        consumer.close()


def _ranges(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    described = consumer.list_topics(topic, TIMEOUT_S).topics[topic]
    if described.error is not None:
        refused = KafkaException(described.error)
        raise ServiceError(
            f"topic {topic}", "its partitions", str(described.error), _DO
        ) from refused
    return {
        number: consumer.get_watermark_offsets(TopicPartition(topic, number), TIMEOUT_S)
        for number in described.partitions
    }


def message_count(kafka: KafkaSettings, topic: str) -> int:
    """Messages ever written to the topic, by its end offsets."""
    with _consumer(kafka) as consumer:
        return sum(end for _, end in _ranges(consumer, topic).values())


def offset_ranges(kafka: KafkaSettings, topic: str) -> dict[int, tuple[int, int]]:
    """First offset that the broker still holds, and end offset, of each partition."""
    with _consumer(kafka) as consumer:
        return _ranges(consumer, topic)


def end_offsets(kafka: KafkaSettings, topic: str) -> dict[int, int]:
    """End offset of each partition."""
    with _consumer(kafka) as consumer:
        return {number: end for number, (_, end) in _ranges(consumer, topic).items()}


def read_all(kafka: KafkaSettings, topic: str, visit: Callable[[Message], None]) -> None:
    """Call `visit` with each message from the beginning to the end as it is now."""
    with _consumer(kafka) as consumer:
        left = {n: (low, high) for n, (low, high) in _ranges(consumer, topic).items() if high > low}
        consumer.assign([TopicPartition(topic, number, low) for number, (low, _) in left.items()])
        before: dict[int, int] | None = None
        while left:
            done = {p.partition: p.offset for p in consumer.position(consumer.assignment())}
            if done == before:
                raise ServiceError(f"topic {topic}", "a message", f"none in {TIMEOUT_S:.0f} s", _DO)
            before = done
            left = {n: span for n, span in left.items() if done.get(n, -1) < span[1]}
            # Asked for more than there is, the client would wait for it until the time-out.
            missing = sum(end - max(done[number], low) for number, (low, end) in left.items())
            for message in consumer.consume(min(missing, AT_ONCE), TIMEOUT_S) if missing else ():
                error = message.error()
                if error is not None:
                    refused = KafkaException(error)
                    raise ServiceError(f"topic {topic}", "a message", str(error), _DO) from refused
                visit(message)
