"""Topics that one measurement has for itself, and that are gone before the next one starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka.admin import AdminClient

from cdrlake.waiting import patiently
from lakehouse import kafka
from lakehouse.domain import Topic
from lakehouse.settings.kafka import KafkaSettings

PATIENCE_S = 120.0


@contextmanager
def temporary(settings: KafkaSettings, topics: Iterable[Topic]) -> Iterator[None]:
    """The topics, created now and deleted at the end."""
    topics = list(topics)
    kafka.create_topics(settings, topics)
    try:
        yield
    finally:
        delete(settings, topics)


def delete(settings: KafkaSettings, topics: Iterable[Topic]) -> None:
    """Delete the topics, and wait until the broker no longer names them.

    It does so for a while after it has said that they are deleted, and whoever creates them in that
    time is told that they exist.
    """
    gone = {settings.topic(topic.name) for topic in topics}
    admin = AdminClient(kafka.client_options(settings))
    for future in admin.delete_topics(list(gone), operation_timeout=PATIENCE_S).values():
        future.result(PATIENCE_S)
    patiently(
        lambda: not gone & set(admin.list_topics(timeout=PATIENCE_S).topics),
        "the topics to be gone", PATIENCE_S,
    )  # fmt: skip
