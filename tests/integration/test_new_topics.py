"""A topic can be used as soon as it has been created."""

from __future__ import annotations

import uuid

import pytest

from cdrlake.services.kafka import KafkaBroker
from lakehouse import kafka
from lakehouse.domain import Topic

pytestmark = pytest.mark.integration


def test_new_topics_are_known_with_all_their_partitions_at_once(broker: KafkaBroker) -> None:
    """The controller makes them; the broker that is asked may learn of them a moment later."""
    made = [Topic(f"new-{uuid.uuid4().hex[:8]}", partitions=6) for _ in range(20)]
    kafka.create_topics(broker.settings, made)
    for topic in made:
        found = kafka.offset_ranges(broker.settings, topic.name)
        assert found == dict.fromkeys(range(6), (0, 0))
