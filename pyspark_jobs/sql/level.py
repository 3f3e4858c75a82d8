"""Whether the queries of SQL files are level with a stream: nothing waits that they have not read.

An event that waits must not be late because the time of its stream went on without it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from confluent_kafka import KafkaException
from deltalake.exceptions import DeltaError

from lakehouse import kafka, store
from lakehouse.domain import Feed
from lakehouse.errors import CdrlakeError
from lakehouse.names import QueryIdentity, table_uri
from lakehouse.settings import Settings
from lakehouse.store import Table
from pyspark_jobs.engine import checkpoints
from pyspark_jobs.ingest import data_loss

LOG = logging.getLogger(__name__)
# What names a table in the offsets of Delta's source, and the version that it reads next.
_TABLE, _NEXT = "reservoirId", "reservoirVersion"


def is_level(settings: Settings, feed: Feed, readers: Iterable[QueryIdentity]) -> bool:
    """Whether bronze has all that the broker has, and each of the `readers` all that bronze has.

    False while that cannot be found out.
    """
    try:
        # In this order: what comes into bronze meanwhile is asked for by the second question.
        if not _is_in_bronze(settings, feed):
            return False
        bronze = store.open_table(
            table_uri(settings.lake_uri, feed.bronze.name), settings.lake_options
        )
        return bronze is not None and all(_is_read(settings, bronze, one) for one in readers)
    except (KafkaException, DeltaError, CdrlakeError, OSError) as error:
        LOG.warning("topic %s: no ticks, for what waits in it is not known: %s", feed.topic, error)
        return False


def _is_in_bronze(settings: Settings, feed: Feed) -> bool:
    read = data_loss.committed_offsets(feed.identity, settings, feed.topic)
    held = kafka.offset_ranges(settings.kafka, feed.topic)
    return all(read.get(number, first) >= end for number, (first, end) in held.items())


def _is_read(settings: Settings, bronze: Table, reader: QueryIdentity) -> bool:
    sources = checkpoints.committed(reader, settings)
    following = [one[_NEXT] for one in sources if one and one.get(_TABLE) == bronze.id]
    if following:
        return bool(min(following) > bronze.version)
    return bool(sources) and None not in sources
