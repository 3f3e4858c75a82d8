"""A topic can be used as soon as it has been created."""

from __future__ import annotations

import uuid
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from cdrlake.services.kafka import KafkaBroker
from lakehouse import kafka
from lakehouse.domain import Topic
from lakehouse.errors import ServiceError

pytestmark = pytest.mark.integration


def new(count: int) -> list[Topic]:
    return [Topic(f"new-{uuid.uuid4().hex[:8]}", partitions=6) for _ in range(count)]


def test_new_topics_are_known_with_all_their_partitions_at_once(broker: KafkaBroker) -> None:
    """The controller makes them; the broker that is asked may learn of them a moment later."""
    made = new(20)
    kafka.create_topics(broker.settings, made)
    for topic in made:
        found = kafka.offset_ranges(broker.settings, topic.name)
        assert found == dict.fromkeys(range(6), (0, 0))


def failing_once(code: int) -> type[AdminClient]:
    """A client whose first question for offsets is answered with this error."""

    class Failing(AdminClient):  # type: ignore[misc]
        asked = 0

        def list_offsets(self, *arguments: Any, **options: Any) -> Any:
            self.asked += 1
            if self.asked > 1:
                return super().list_offsets(*arguments, **options)
            failed: Future[Any] = Future()
            failed.set_exception(KafkaException(KafkaError(code)))
            return {"any": failed}

    return Failing


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    ],
)
def test_a_partition_without_a_leader_yet_is_waited_for(
    broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(kafka, "AdminClient", failing_once(code))
    (topic,) = made = new(1)
    kafka.create_topics(broker.settings, made)
    assert kafka.message_count(broker.settings, topic.name) == 0


def test_another_error_is_told_at_once(
    broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "AdminClient", failing_once(KafkaError.UNSUPPORTED_VERSION))
    with pytest.raises(ServiceError, match="expected an answer"):
        kafka.create_topics(broker.settings, new(1))
