"""Whether a stream has been read to its end, from the broker through bronze to the SQL queries."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from confluent_kafka import KafkaException

from lakehouse import kafka, store
from lakehouse.domains.clicks import contracts
from lakehouse.domains.clicks.domain import EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.names import QueryIdentity, table_uri
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.sql.level import is_level

READER = QueryIdentity("clicks_sql", "sql.results", 1)
OTHER = QueryIdentity("clicks_sql", "sql.more", 1)


class Broker:
    """A topic of one partition; `end` None is a broker that does not answer."""

    first: int = 0
    end: int | None = 3

    def ranges(self, *_: object) -> dict[int, tuple[int, int]]:
        if self.end is None:
            raise KafkaException("no answer")
        return {0: (self.first, self.end), 1: (0, 0)}


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(kafka, "offset_ranges", made.ranges)
    return made


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    return Settings(lake=LakeSettings(uri=str(tmp_path)))


def append(lake: Settings) -> None:
    uri = table_uri(lake.lake_uri, contracts.BRONZE_EVENTS.name)
    pl.DataFrame({"offset": [1]}).write_delta(uri, mode="append")


def commit(lake: Settings, query: QueryIdentity, *sources: object) -> None:
    """One more completed batch of a query, which has read its sources to these offsets."""
    folder = Path(query.checkpoint(lake.lake_uri))
    for name in ("offsets", "commits"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    number = len(list((folder / "commits").iterdir()))
    lines = ["v1", "{}", *("-" if one is None else json.dumps(one) for one in sources)]
    (folder / "offsets" / str(number)).write_text("\n".join(lines))
    (folder / "commits" / str(number)).touch()


def ingested(lake: Settings, offset: int) -> None:
    commit(lake, EVENTS.identity, {EVENTS.topic: {"0": offset}})


def read(lake: Settings, query: QueryIdentity, following: int) -> None:
    """A batch of a query that reads bronze, and the ticks, of which there are none yet."""
    uri = table_uri(lake.lake_uri, contracts.BRONZE_EVENTS.name)
    place = {"reservoirId": store.identity(uri), "reservoirVersion": following, "index": -1}
    commit(lake, query, None, place)


def asked(lake: Settings, *readers: QueryIdentity) -> Callable[[], bool]:
    return lambda: is_level(lake, EVENTS, readers)


def test_a_stream_is_level_when_bronze_has_what_kafka_has_and_the_queries_what_bronze_has(
    lake: Settings, broker: Broker
) -> None:
    level = asked(lake, READER)
    append(lake)
    assert not level()  # nobody has read anything
    ingested(lake, 2)
    read(lake, READER, 1)
    assert not level()  # a message waits in Kafka
    ingested(lake, 3)
    assert level()
    append(lake)
    assert not level()  # a version of bronze waits
    read(lake, READER, 2)
    assert level()


def test_every_query_that_reads_the_stream_has_to_be_level(lake: Settings, broker: Broker) -> None:
    level = asked(lake, READER, OTHER)
    append(lake)
    ingested(lake, 3)
    read(lake, READER, 1)
    assert not level()  # the other has not begun
    commit(lake, OTHER, None)
    assert not level()  # and now it has read nothing
    read(lake, OTHER, 1)
    assert level()
    commit(lake, OTHER, {"reservoirId": "of another table", "reservoirVersion": 0})
    assert level()


def test_messages_that_the_broker_dropped_unread_are_not_waited_for(
    lake: Settings, broker: Broker
) -> None:
    broker.first = 3
    append(lake)
    read(lake, READER, 1)
    assert is_level(lake, EVENTS, [READER])


def test_what_cannot_be_found_out_counts_as_waiting(lake: Settings, broker: Broker) -> None:
    append(lake)
    ingested(lake, 3)
    read(lake, READER, 1)
    folder = Path(READER.checkpoint(lake.lake_uri))
    (folder / "commits" / "7").touch()
    assert not is_level(lake, EVENTS, [READER])  # its entry is missing
    (folder / "commits" / "7").unlink()
    assert is_level(lake, EVENTS, [READER])
    broker.end = None
    assert not is_level(lake, EVENTS, [READER])
