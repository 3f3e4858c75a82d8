"""The producer of cards and a real broker."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from cdrlake.services.kafka import KafkaBroker
from flaskapp.cards.producer import Producer
from flaskapp.cards.unsent import Unsent
from lakehouse import kafka
from lakehouse.clock import SystemClock
from lakehouse.domains.cards import names
from lakehouse.domains.settings import Settings
from lakehouse.pace import Pace
from lakehouse.publisher import Publisher
from tests.integration.cards_plant import received

pytestmark = pytest.mark.integration
SMALL = "small"


@pytest.fixture
def small(settings: Settings, broker: KafkaBroker) -> Settings:
    """An installation whose topic of transactions takes small messages only."""
    admin = AdminClient(kafka.client_options(settings.kafka))
    topic = NewTopic(SMALL, 1, 1, config={"max.message.bytes": "2000"})
    admin.create_topics([topic])[SMALL].result(60)
    topics = {names.TOPIC_TRANSACTIONS: SMALL}
    return settings.model_copy(
        update={"kafka": settings.kafka.model_copy(update={"topics": topics})}
    )


def test_what_the_topic_does_not_take_is_set_aside_and_the_rest_arrives(
    small: Settings, tmp_path: Path
) -> None:
    """The client takes the second message, the broker does not; the fourth not even the client."""
    clock, wanted = SystemClock(), [b'{"n":1}', b'{"n":3}', b'{"n":5}']
    noise = Random(1).randbytes  # which does not compress
    bodies = iter([wanted[0], noise(5_000), wanted[1], noise(1_500_000), wanted[2]])
    unsent = Unsent(tmp_path / "unsent.db")
    publisher = Publisher(small.kafka)
    producer = Producer(lambda: next(bodies), unsent, publisher, clock, Pace(0, clock))
    assert [producer.poll() for _ in range(5)] == [1] * 5
    while producer.send():
        pass
    assert (len(unsent), producer.counts.sent, producer.counts.set_aside) == (0, 3, 2)
    arrived = [message.value() for message in received(small, names.TOPIC_TRANSACTIONS)]
    assert list(dict.fromkeys(arrived)) == wanted
