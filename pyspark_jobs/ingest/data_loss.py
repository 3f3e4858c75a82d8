"""Messages that a query still needs and the broker no longer has.

Retention, or deleting and recreating a topic, can remove messages before they are read. A query
stops at such a gap; only a person may let it continue, and the loss is then recorded.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

import polars as pl
from confluent_kafka import KafkaException
from deltalake import write_deltalake

from lakehouse import kafka, names
from lakehouse.clock import Clock
from lakehouse.errors import StreamError
from lakehouse.names import QueryIdentity, table_uri
from lakehouse.settings import Settings
from pyspark_jobs.engine import checkpoints
from pyspark_jobs.engine.query_notes import QueryNotes

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gap:
    """Offsets from `first` up to, not including, `until` of a partition are gone."""

    topic: str
    partition: int
    first: int
    until: int


def check(
    settings: Settings, identity: QueryIdentity, topic: str, clock: Clock, accept: bool
) -> None:
    """Compare the query's offsets and topic with what the broker holds.

    Raises `StreamError` naming what is missing; with `accept` the loss is recorded in
    `ops.data_loss`. A topic that ends before the query's offset was recreated, and that cannot be
    accepted.
    """
    read = committed_offsets(identity, settings, topic)
    notes = QueryNotes(identity, settings)
    try:
        topic_id = kafka.topic_id(settings.kafka, topic)
        held = kafka.offset_ranges(settings.kafka, topic) if read else {}
    except KafkaException as error:
        # The query waits for the broker by itself, and stops at a gap by itself.
        LOG.warning("%s: cannot look for gaps now: %s", topic, error)
        return
    _refuse_shorter_topic(identity, topic, read, held)
    before = notes.read().topic_id
    is_another = bool(read) and None not in (before, topic_id) and before != topic_id
    gaps = skipped(topic, read, held) if is_another else find_gaps(topic, read, held)
    if (gaps or is_another) and not accept:
        raise _refusal(identity, topic, gaps, is_another)
    if gaps:
        rows = pl.DataFrame([asdict(gap) for gap in gaps]).with_columns(accepted_at=clock.now())
        uri = table_uri(settings.lake_uri, names.DATA_LOSS)
        write_deltalake(uri, rows.to_arrow(), mode="append", storage_options=settings.lake_options)
    if topic_id is not None:
        notes.note_topic(topic_id)


def _refusal(identity: QueryIdentity, topic: str, gaps: list[Gap], is_another: bool) -> StreamError:
    command = names.ingest_command(identity.name, "--accept-loss")
    lost = ", ".join(f"partition {g.partition} from {g.first} to {g.until}" for g in gaps)
    if not is_another:
        return StreamError(
            f"{identity.name}, topic {topic}",
            "every message since the last batch",
            f"a gap: {lost}",
            f"restore the topic, or go on without them with `{command}`",
        )
    return StreamError(
        f"{identity.name}, topic {topic}",
        "the topic that it has read so far",
        f"one that was deleted and created again, with messages it would skip: {lost or 'none'}",
        "restore the topic, raise the query's version to read the new one from its beginning "
        f"(docs/operations.md, A query's state), or skip them with `{command}`",
    )


def skipped(topic: str, read: dict[int, int], held: dict[int, tuple[int, int]]) -> list[Gap]:
    """Offsets of a recreated topic below the offset that was reached in the old one.

    >>> skipped("t", {0: 5, 1: 5}, {0: (0, 9), 1: (5, 9)})
    [Gap(topic='t', partition=0, first=0, until=5)]
    """
    firsts = {partition: span[0] for partition, span in held.items() if partition in read}
    return [
        Gap(topic, partition, first, read[partition])
        for partition, first in sorted(firsts.items())
        if first < read[partition]
    ]


def find_gaps(topic: str, read: dict[int, int], held: dict[int, tuple[int, int]]) -> list[Gap]:
    """Gaps between the next offset to read and the offsets that the broker holds.

    >>> find_gaps("t", {0: 5, 1: 5}, {0: (5, 9), 1: (7, 9)})
    [Gap(topic='t', partition=1, first=5, until=7)]
    """
    firsts = {partition: held.get(partition, (offset, 0))[0] for partition, offset in read.items()}
    return [
        Gap(topic, partition, offset, firsts[partition])
        for partition, offset in sorted(read.items())
        if offset < firsts[partition]
    ]


def _refuse_shorter_topic(
    identity: QueryIdentity, topic: str, read: dict[int, int], held: dict[int, tuple[int, int]]
) -> None:
    """Raise if a partition ends before the offset already read: its messages are different ones."""
    for partition, offset in sorted(read.items()):
        end = held.get(partition, (0, offset))[1]
        if offset > end:
            raise StreamError(
                f"{identity.name}, topic {topic}, partition {partition}",
                f"messages up to offset {offset}, which were read before",
                f"a topic that ends at {end}, so one that was created again",
                "restore the topic, or raise the query's version to read the new one from its "
                "beginning (docs/operations.md, A query's state)",
            )


def committed_offsets(identity: QueryIdentity, settings: Settings, topic: str) -> dict[int, int]:
    """Next offset to read, by partition, after the last completed batch; empty before the first.

    Raises `StreamError` naming an unreadable entry of the offset log.
    """
    found = checkpoints.committed(identity, settings)
    offsets = (found[-1] or {}).get(settings.kafka.topic(topic), {}) if found else {}
    return {int(partition): offset for partition, offset in offsets.items()}
