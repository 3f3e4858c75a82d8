"""Verdicts as a training file, estimates made from them, and how far each stage is behind."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from pyarrow import fs

from flaskapp.cards import verdicts
from lakehouse import files, kafka, mysql
from lakehouse.domains.cards import names
from lakehouse.domains.cards.estimate import Estimate
from lakehouse.domains.settings import Settings
from lakehouse.errors import SourceError
from lakehouse.settings.root import from_root

FILE, WEIGHTS = "validated.csv", "validated_weights.csv"
TIMEOUT_S = 10.0
_STAGES = {
    names.GROUP_DOOR: names.TOPIC_TRANSACTIONS,
    names.GROUP_RECORD: names.TOPIC_DECISIONS,
    names.GROUP_ALARMS: names.TOPIC_DECISIONS,
}


def save(settings: Settings, to: str | None = None) -> tuple[int, str]:
    """Write `validated.csv` and the weights of its rows; the number of rows, and where.

    `to` is a folder, or a place in an object store such as `s3://bucket/folder`. Raises
    `SourceError` when it cannot be written.
    """
    place = to or settings.cards.validated_dir
    with mysql.connect(settings.mysql) as connection:
        rows, weights = verdicts.validated(connection)
    for name, text in ((FILE, rows), (WEIGHTS, weights)):
        _write(place, name, text.encode())
    return len(weights.splitlines()) - 1, f"{place.rstrip('/')}/{FILE}"


def quality(settings: Settings) -> dict[str, Estimate]:
    """Recall and precision, estimated from verdicts."""
    with mysql.connect(settings.mysql) as connection:
        return dict(zip(("recall", "precision"), verdicts.quality(connection), strict=True))


def lags(settings: Settings) -> dict[str, int]:
    """Messages that each stage has still to read."""
    return {group: _lag(settings, group, topic) for group, topic in _STAGES.items()}


def _lag(settings: Settings, group: str, topic: str) -> int:
    ends = kafka.offset_ranges(settings.kafka, topic)
    consumer = Consumer(kafka.client_options(settings.kafka) | {"group.id": group})
    try:
        wanted = [TopicPartition(settings.kafka.topic(topic), number) for number in ends]
        found = consumer.committed(wanted, TIMEOUT_S)
        return sum(
            max(ends[one.partition][1] - max(one.offset, ends[one.partition][0]), 0)
            for one in found
        )
    finally:
        consumer.close()


def _write(place: str, name: str, content: bytes) -> None:
    if "://" not in place:
        files.replace(from_root(place) / name, content)
        return
    try:
        store, path = fs.FileSystem.from_uri(place)
        with store.open_output_stream(str(Path(path) / name)) as file:
            file.write(content)
    except (OSError, ValueError) as error:
        raise SourceError(
            place, "a place that can be written", str(error), "check its address and credentials"
        ) from None
