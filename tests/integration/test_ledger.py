"""The ledger against a real broker: Kafka is more than records, and yet the counts agree."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from cdrlake.services.kafka import KafkaBroker
from lakehouse import kafka
from lakehouse.audit import audit
from lakehouse.checks import (
    Check,
    Distinct,
    Expired,
    Keys,
    Net,
)
from lakehouse.clock import FixedClock
from lakehouse.domains.settings import Settings
from lakehouse.ledger import snapshot, snapshot_of_all
from lakehouse.names import DATA_LOSS
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore, RunRecord
from lakehouse.settings.model import LakeSettings
from tests.integration.conftest import wait_for
from tests.integration.meters import PATIENCE_S, Site, create, in_transaction, publish, reading

pytestmark = pytest.mark.integration

NOW = datetime(2026, 6, 1, tzinfo=UTC)
COMPACTED = {
    # With "delete", so that a test may expire messages too.
    "cleanup.policy": "compact,delete",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "100",
}


@pytest.fixture
def site(database: Settings, broker: KafkaBroker, tmp_path: Path) -> Site:
    topic = f"readings-{uuid.uuid4().hex[:8]}"
    create(database.kafka, topic, {})
    lake = LakeSettings(uri=str(tmp_path / "lake"))
    return Site(database.model_copy(update={"lake": lake}), topic)


def test_what_was_aborted_and_the_markers_of_transactions_are_no_messages(site: Site) -> None:
    in_transaction(site.settings.kafka, site.topic, *map(reading, (0, 1, 2)), commit=False)
    in_transaction(site.settings.kafka, site.topic, *map(reading, (3, 4, 5)), commit=True)
    assert sum(kafka.end_offsets(site.settings.kafka, site.topic).values()) == 8
    assert site.comparison("in Kafka = held") == (3, 0, False)
    site.ingest()
    assert site.comparison("in Kafka = held") == (3, 3, True)
    assert site.ledger().count("kafka") == 3


def test_a_message_that_nobody_took_in_is_found_among_markers(site: Site) -> None:
    for number in range(3):
        in_transaction(site.settings.kafka, site.topic, reading(number), commit=True)
    site.ingest(since=1)
    assert site.comparison("in Kafka = held") == (3, 2, False)


def test_an_open_transaction_is_not_waited_for(site: Site) -> None:
    publish(site.settings.kafka, site.topic, reading(0))
    options = {"transactional.id": uuid.uuid4().hex}
    producer = Producer(kafka.client_options(site.settings.kafka) | options)
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    producer.produce(site.topic, reading(1), b"k")
    producer.flush(PATIENCE_S)
    site.ingest()
    assert site.comparison("in Kafka = held") == (1, 1, True)
    producer.abort_transaction(PATIENCE_S)


@pytest.fixture
def compact(site: Site) -> Site:
    """A site whose topic keeps the latest message of each key."""
    topic = f"{site.topic}-compacted"
    create(site.settings.kafka, topic, COMPACTED)
    return Site(site.settings, topic)


def wait_for_compaction(site: Site, before: int) -> None:
    """Until the broker has no message left whose offset is below `before`."""

    def none_is_left() -> bool:
        # A segment is closed, and so may be compacted, when a later message comes.
        publish(site.settings.kafka, site.topic, reading(99, stream="other"))
        left: list[int] = []
        kafka.read_all(site.settings.kafka, site.topic, lambda m: left.append(m.offset() or 0))
        return bool(left) and left[0] >= before

    wait_for(none_is_left, "the broker to compact")


def test_messages_that_compaction_removed_are_not_missed(compact: Site) -> None:
    publish(compact.settings.kafka, compact.topic, *map(reading, range(6)))
    compact.ingest()
    wait_for_compaction(compact, 6)
    compact.ingest(since=6)
    left, right, equal = compact.comparison("in Kafka = held")
    assert equal and left == right > 6


def test_messages_that_expired_after_they_were_taken_in_are_not_missed(site: Site) -> None:
    publish(site.settings.kafka, site.topic, *map(reading, range(6)))
    site.ingest()
    expire(site, 4)
    assert site.comparison("in Kafka = held") == (6, 6, True)


def expire(site: Site, before: int) -> None:
    admin = AdminClient(kafka.client_options(site.settings.kafka))
    place = TopicPartition(site.topic, 0, before)
    admin.delete_records([place])[TopicPartition(site.topic, 0)].result(PATIENCE_S)


def accept_loss(site: Site, first: int, until: int) -> None:
    row = {"topic": site.topic, "partition": 0, "first": first, "until": until, "accepted_at": NOW}
    site.write(DATA_LOSS, pl.DataFrame([row]))


def test_an_accepted_loss_is_netted_and_named(site: Site) -> None:
    publish(site.settings.kafka, site.topic, *map(reading, range(6)))
    expire(site, 2)
    site.ingest()
    assert site.comparison("sent = in the lake") == (6, 4, False)
    accept_loss(site, 0, 2)
    accept_loss(site, 0, 2)
    found = site.ledger()
    assert found.balanced
    lost = next(note for note in found.notes if note.name == "accepted losses")
    assert (lost.count, lost.unit) == (2, "messages")


def test_what_was_lost_and_sent_once_more_is_not_netted_again(site: Site) -> None:
    publish(site.settings.kafka, site.topic, *map(reading, range(6)))
    expire(site, 2)
    accept_loss(site, 0, 2)
    publish(site.settings.kafka, site.topic, reading(0), reading(1))
    site.ingest()
    check = next(one for one in site.ledger().checks if one.name == "sent = in the lake")
    assert (check.left, check.right, check.netted) == (6, 6, ())


def test_more_than_the_accepted_loss_is_still_a_difference(site: Site) -> None:
    publish(site.settings.kafka, site.topic, *map(reading, range(6)))
    expire(site, 3)
    accept_loss(site, 0, 2)
    site.ingest()
    assert site.comparison("sent = in the lake") == (6, 3, False)


def test_an_event_id_under_two_entities_is_a_conflict_with_a_name(site: Site) -> None:
    values = [reading(0), reading(0), reading(1, "m"), reading(1, "n"), reading(2)]
    publish(site.settings.kafka, site.topic, *values)
    site.ingest()
    found = site.ledger()
    check = next(one for one in found.checks if one.name == "bronze = silver")
    assert (check.left, check.right, check.ok) == (3, 4, True)
    (conflict,) = (note for note in found.notes if note.name == "event ids used twice")
    assert (conflict.count, conflict.detail) == (1, "such as s:1")


def test_the_share_in_quarantine_is_on_the_ledger(site: Site) -> None:
    refused = b'{"event_id": "s:7", \x1b'
    publish(site.settings.kafka, site.topic, reading(0), refused, b"junk", reading(1))
    site.ingest()
    for found in (site.ledger(), snapshot(site.settings, site.domain)):
        share = next(note for note in found.notes if note.name.startswith("in quarantine"))
        assert (share.count, share.of, share.share) == (2, 4, 0.5)
    both = snapshot_of_all(site.settings, (site.domain, replace(site.domain, name="other")))
    names = [station.name for station in site.domain.stations]
    assert [step.name for step in both.steps] == [*names, *(f"other {name}" for name in names)]
    assert site.comparison("in Kafka = held") == (4, 4, True)
    # The refused event counts as one that arrived.
    assert site.comparison("sent = in the lake")[1] == 3


def test_keys_are_counted_once_and_expired_ones_are_netted(site: Site) -> None:
    for number in range(4):
        publish(site.settings.kafka, site.topic, b"{}", key=f"k{number % 3}".encode())
    rows = pl.DataFrame({"key": ["k0", "k1", "k2"]})
    site.write("gold.readings", rows)
    expired = Net("past their retention", Expired(site.topic), "messages")
    check = Check("scored = mirrored", Distinct("gold.readings", ("key",)), Keys(site.topic))
    plain = replace(site.domain, checks=(check,), stations=())
    netted = replace(plain, checks=(replace(check, nets=(expired,)),))
    assert audit(site.settings, plain, {}).balanced
    expire(site, 2)
    assert not audit(site.settings, plain, {}).balanced
    assert audit(site.settings, netted, {}).balanced


def test_the_retention_of_a_topic_is_no_reason_to_wait(site: Site) -> None:
    """Everything is gone, and a read ends at once instead of waiting for a message."""
    publish(site.settings.kafka, site.topic, reading(0))
    expire(site, 1)
    seen: list[object] = []
    kafka.read_all(site.settings.kafka, site.topic, seen.append)
    assert seen == []


def test_all_that_made_it_unequal_once_happens_and_it_is_equal(
    compact: Site, tmp_path: Path
) -> None:
    """An accepted loss, an aborted transaction, a conflict of ids, compaction, an older version."""
    settings, topic = compact.settings.kafka, compact.topic
    publish(settings, topic, *map(reading, (0, 1)))
    expire(compact, 2)
    accept_loss(compact, 0, 2)
    in_transaction(settings, topic, *map(reading, (90, 91)), commit=False)
    publish(settings, topic, reading(2), reading(3), reading(4, "m"), reading(4, "n"), reading(5))
    compact.ingest()
    taken = sum(kafka.end_offsets(settings, topic).values())
    wait_for_compaction(compact, taken)
    compact.ingest(since=taken)

    days = [date(2026, 5, day) for day in range(1, 5)]
    compact.write("gold.readings", pl.DataFrame({"day": days}))
    compact.write("scored.readings", pl.DataFrame({"day": days[2:]}))
    store = MemoryStore(tmp_path / "registry")
    clock = FixedClock(NOW)
    registry = Registry(store, clock)
    older, newer = (version(store, tmp_path, day) for day in (days[0], days[2]))
    for number in (newer, older):
        registry.promote(number, "for the test")
        clock.advance(60)
    gold, scored = (
        Distinct(table, ("day",), since="day", model="m")
        for table in ("gold.readings", "scored.readings")
    )
    checks = (*compact.domain.checks, Check("gold to score = scored", gold, scored))
    compact.domain = replace(compact.domain, checks=checks)

    found = compact.ledger({"m": registry.scoring_start()})
    assert [check.name for check in found.checks if not check.ok] == []
    netted = {net.name: net.count for check in found.checks for net in check.netted}
    assert netted == {"accepted losses": 2, "event ids used twice": 1}
    assert found.checks[-1].left == found.checks[-1].right == 2


def version(store: MemoryStore, folder: Path, score_from: date) -> int:
    """One more version, of nothing but the date from which it may score."""
    bundle = folder / "bundle"
    bundle.mkdir(exist_ok=True)
    tags = {"manifest_sha256": "", "score_from": score_from.isoformat()}
    return store.add(bundle, RunRecord({}, {}, {}), tags)
