"""The ingest and a real broker: transactions, and a topic that was deleted and created again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer
from pyspark.sql import SparkSession

from bench import topics
from cdrlake.services.kafka import KafkaBroker
from lakehouse import kafka, store
from lakehouse.clock import FixedClock, SystemClock
from lakehouse.domain import Feed, Topic
from lakehouse.domains.cdr.domain import EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.names import DATA_LOSS, table_uri
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.engine.session import open_session
from pyspark_jobs.engine.supervisor import Supervisor
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake, Overrides

pytestmark = pytest.mark.integration

FEED = replace(EVENTS, topic="ingest-kafka")
CLOCK = FixedClock(datetime(2026, 6, 10, tzinfo=UTC))


@pytest.fixture(scope="module")
def spark(settings: Settings) -> Iterator[SparkSession]:
    session = open_session("tests", settings)
    yield session
    session.stop()


@pytest.fixture
def site(broker: KafkaBroker, settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an empty lake and an empty topic of one partition."""
    create(settings)
    yield settings.model_copy(update={"lake": LakeSettings(uri=str(tmp_path / "lake"))})
    delete(settings)


def create(settings: Settings) -> None:
    kafka.create_topics(settings.kafka, [Topic(FEED.topic, partitions=1)])


def delete(settings: Settings) -> None:
    topics.delete(settings.kafka, [Topic(FEED.topic)])


def events(first: int, count: int) -> list[bytes]:
    rest = dict.fromkeys((f.name for f in FEED.message.fields if f.name.startswith("DP_")), 0)
    moment = "2026-06-09T10:11:12Z"
    common = rest | {"DP_DATE": moment, "DP_MSISDN": "4512345678", "emitted_at": moment}
    return [
        json.dumps(common | {"id": number, "event_id": f"s:{number}"}).encode()
        for number in range(first, first + count)
    ]


def send(producer: Producer, values: list[bytes]) -> None:
    for value in values:
        producer.produce(FEED.topic, value)
    assert producer.flush(30) == 0


def producer(settings: Settings, **options: str) -> Producer:
    return Producer(kafka.client_options(settings.kafka) | options)


def run(spark: SparkSession, site: Settings, feed: Feed = FEED, accept: bool = False) -> None:
    supervisor = Supervisor(SystemClock(), threading.Event())
    intake, leave = Intake(feed, site.cdr), Overrides(lost_messages=accept)
    supervisor.add(lambda: ingest.start(spark, site, intake, CLOCK, None, leave))
    supervisor.run_to_end()


def ids(site: Settings) -> list[int]:
    rows = store.scan(table_uri(site.lake_uri, FEED.bronze.name)).select("id").collect()
    return sorted(rows["id"])


def test_what_a_producer_took_back_is_not_read(spark: SparkSession, site: Settings) -> None:
    speaking = producer(site, **{"transactional.id": "ingest-kafka"})
    speaking.init_transactions(30)
    for first, is_kept in ((0, False), (3, True), (6, False)):
        speaking.begin_transaction()
        send(speaking, events(first, 3))
        if is_kept:
            speaking.commit_transaction(30)
        else:
            speaking.abort_transaction(30)
    run(spark, site)
    assert ids(site) == [3, 4, 5]
    # The marks of transactions take up offsets too: the next messages follow without a gap.
    send(producer(site), events(9, 2))
    run(spark, site)
    assert ids(site) == [3, 4, 5, 9, 10]


def test_a_topic_created_again_is_refused_until_its_loss_is_accepted_and_on_record(
    spark: SparkSession, site: Settings
) -> None:
    send(producer(site), events(0, 3))
    run(spark, site)
    delete(site)
    create(site)
    send(producer(site), events(3, 3))
    with pytest.raises(StreamError, match=r"created again, .* skip: partition 0 from 0 to 3"):
        run(spark, site)
    send(producer(site), events(6, 2))
    with pytest.raises(StreamError, match="created again"):
        run(spark, site)
    run(spark, site, accept=True)
    assert ids(site) == [0, 1, 2, 6, 7]
    lost = store.scan(table_uri(site.lake_uri, DATA_LOSS)).select("first", "until").collect()
    assert lost.rows() == [(0, 3)]
    identity = replace(FEED.identity, version=FEED.identity.version + 1)
    run(spark, site, replace(FEED, identity=identity))
    assert set(ids(site)) == set(range(8))
    assert store.count(table_uri(site.lake_uri, FEED.quarantine.name)) == 0


def test_a_lost_commit_of_bronze_stops_the_query_by_name(
    spark: SparkSession, site: Settings
) -> None:
    for first in (0, 3):
        send(producer(site), events(first, 3))
        run(spark, site)
    log = Path(table_uri(site.lake_uri, FEED.bronze.name)) / "_delta_log"
    newest = max(log.glob("*.json"))
    commit = newest.read_bytes()
    newest.unlink()
    send(producer(site), events(6, 1))
    with pytest.raises(StreamError, match=r"bronze/cdr_events: expected version 2 or later"):
        run(spark, site)
    newest.write_bytes(commit)
    run(spark, site)
    assert ids(site) == list(range(7))
