"""How long topics keep their messages."""

from __future__ import annotations

import pytest

from lakehouse import kafka
from lakehouse.domain import Topic
from lakehouse.settings.kafka import KafkaSettings

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("days", "declared", "expected"),
    [(None, -1, -1), (7, -1, 7 * DAY_MS), (None, 5_000, 5_000), (7, 5_000, 5_000)],
)
def test_a_topic_keeps_messages_as_it_declares_or_as_settings_say(
    days: float | None, declared: int, expected: int
) -> None:
    settings = KafkaSettings(retention_days=days)
    topic = kafka._new(settings, Topic("t", retention_ms=declared))
    assert topic.config["retention.ms"] == str(expected)
