"""A topic that was deleted and created again: refused, accepted, on record, netted by the ledger.

The domains' own feeds and checks, on a real broker; only Spark is left out.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from confluent_kafka import Producer

from bench import topics
from cdrlake.services.kafka import KafkaBroker
from lakehouse import kafka
from lakehouse.audit import audit
from lakehouse.checks import Held, Messages
from lakehouse.clock import FixedClock
from lakehouse.domain import Domain, Feed, Topic
from lakehouse.domains.clicks import CLICKS
from lakehouse.domains.feedback import FEEDBACK
from lakehouse.domains.fraud import FRAUD
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.ledger import Ledger
from lakehouse.names import table_uri
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.ingest import data_loss

pytestmark = pytest.mark.integration

CLOCK = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
FEEDS = [(domain, feed) for domain in (CLICKS, FEEDBACK, FRAUD) for feed in domain.feeds]
READ = 2


@pytest.fixture
def site(settings: Settings, broker: KafkaBroker, tmp_path: Path) -> Settings:
    """An installation whose topics have names of their own."""
    mine = uuid.uuid4().hex[:8]
    topics = {feed.topic: f"{mine}.{feed.topic}" for _, feed in FEEDS}
    renamed = settings.kafka.model_copy(update={"topics": topics, "partitions": 1})
    lake = LakeSettings(uri=str(tmp_path / "lake"))
    return settings.model_copy(update={"kafka": renamed, "lake": lake, "state_dir": str(tmp_path)})


def create(site: Settings, feed: Feed, count: int) -> None:
    """The topic, anew, with that many messages in one partition."""
    kafka.create_topics(site.kafka, [Topic(feed.topic, partitions=1)])
    producer = Producer(kafka.client_options(site.kafka))
    for number in range(count):
        producer.produce(site.kafka.topic(feed.topic), str(number).encode())
    assert producer.flush(30) == 0


def delete(site: Settings, feed: Feed) -> None:
    topics.delete(site.kafka, [Topic(feed.topic)])


def committed(site: Settings, feed: Feed, offset: int) -> None:
    """The checkpoint of a query that has read up to an offset."""
    checkpoint = Path(feed.identity.checkpoint(site.lake_uri))
    for folder in ("commits", "offsets"):
        (checkpoint / folder).mkdir(parents=True)
    (checkpoint / "commits" / "0").touch()
    place = f'{{"{site.kafka.topic(feed.topic)}":{{"0":{offset}}}}}'
    (checkpoint / "offsets" / "0").write_text(f"v1\n{{}}\n{place}")


def hold(site: Settings, feed: Feed, first: int, until: int) -> None:
    """Rows of bronze, as far as the ledger asks for them."""
    rows = pl.DataFrame({"offset": list(range(first, until))}).with_columns(
        topic=pl.lit(feed.topic), partition=pl.lit(0)
    )
    rows.write_delta(table_uri(site.lake_uri, feed.bronze.name), mode="append")


def ledger(site: Settings, domain: Domain, feed: Feed) -> Ledger:
    """The ledger with the domain's own check of what Kafka has and what the lake holds."""
    left, right = Messages(feed.topic), Held(feed.topic)
    own = tuple(one for one in domain.checks if (one.left, one.right) == (left, right))
    assert len(own) == 1
    return audit(site, replace(domain, feeds=(feed,), checks=own, stations=()), {})


@pytest.mark.parametrize(
    ("domain", "feed"), FEEDS, ids=[f"{domain.name} {feed.topic}" for domain, feed in FEEDS]
)
def test_an_accepted_loss_is_netted_and_named(site: Settings, domain: Domain, feed: Feed) -> None:
    create(site, feed, READ)
    committed(site, feed, READ)
    data_loss.check(site, feed.identity, feed.topic, CLOCK, accept=False)
    delete(site, feed)
    create(site, feed, 6)
    with pytest.raises(StreamError, match=rf"--domain {domain.name} --accept-loss"):
        data_loss.check(site, feed.identity, feed.topic, CLOCK, accept=False)
    hold(site, feed, READ, 6)  # what the query would read next, were it let
    before = ledger(site, domain, feed)
    assert (before.balanced, before.checks[0].left, before.checks[0].right) == (False, 6, 4)

    data_loss.check(site, feed.identity, feed.topic, CLOCK, accept=True)
    found = ledger(site, domain, feed)
    assert found.balanced and found.checks[0].netted[0].count == READ
    lost = next(note for note in found.notes if note.name == f"accepted losses, {feed.topic}")
    assert (lost.count, lost.unit) == (READ, "messages")
    create(site, feed, 1)  # one more message, which nobody has read
    assert not ledger(site, domain, feed).balanced
