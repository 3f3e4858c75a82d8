"""After `--accept-loss`, the ledgers of cards and of segments net what a person has accepted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from cdrlake.services.kafka import KafkaBroker
from flaskapp.cards.record import INSERT, row
from lakehouse import kafka, mysql
from lakehouse.audit import audit
from lakehouse.domain import Domain
from lakehouse.domains.cards import CARDS, names
from lakehouse.domains.cards.features import NAMES
from lakehouse.domains.cards.messages import DecisionRow
from lakehouse.domains.segments import SEGMENTS
from lakehouse.domains.segments import names as segments
from lakehouse.domains.settings import Settings
from lakehouse.ledger import Ledger
from lakehouse.names import DATA_LOSS, table_uri
from lakehouse.publisher import Publisher
from lakehouse.settings.model import LakeSettings

pytestmark = pytest.mark.integration

NOW = datetime(2026, 6, 1, tzinfo=UTC)
IDS = [f"t{number}" for number in range(6)]
T1, T2 = names.TOPIC_TRANSACTIONS, names.TOPIC_DECISIONS
MakeSite = Callable[[Domain], "Site"]


class Site:
    """An installation with topics of its own; bronze is written as an ingest would write it."""

    def __init__(self, settings: Settings, domain: Domain) -> None:
        self.settings, self.domain = settings, domain

    def send(self, topic: str, ids: list[str]) -> None:
        publisher = Publisher(self.settings.kafka)
        for one in ids:
            publisher.send(topic, one, json.dumps({"id": one}))
        publisher.deliver()

    def ingest(self, topic: str, table: str, column: str, but: frozenset[str]) -> None:
        """Take in all of a topic but some messages."""
        rows = []

        def read(message: object) -> None:
            key = message.key().decode()  # type: ignore[attr-defined]
            place = {"partition": message.partition(), "offset": message.offset()}  # type: ignore[attr-defined]
            if key not in but:
                rows.append({column: key, "topic": topic, **place})
            else:
                self.skipped.append((topic, place["partition"], place["offset"]))

        self.skipped = list[tuple[str, int, int]]()
        kafka.read_all(self.settings.kafka, topic, read)
        self.write(table, pl.DataFrame(rows))

    def accept(self) -> None:
        """Put what was left out on record, as `--accept-loss` does."""
        rows = [
            {"topic": topic, "partition": number, "first": offset, "until": offset + 1,
             "accepted_at": NOW}
            for topic, number, offset in self.skipped
        ]  # fmt: skip
        self.write(DATA_LOSS, pl.DataFrame(rows))

    def write(self, table: str, rows: pl.DataFrame) -> None:
        rows.write_delta(table_uri(self.settings.lake_uri, table), mode="append")

    def record(self, ids: list[str]) -> None:
        """Rows of the database, none of them flagged."""
        with mysql.connect(self.settings.mysql) as link, mysql.transaction(link) as cursor:
            for one in ids:
                decision = DecisionRow(
                    trans_num=one, trans_date_trans_time=NOW.isoformat(), cc_num="4", merchant="m",
                    category="c", amt=1.0, is_fraud=0, score=0.1, decision="approve",
                    expected_loss=0.0, model_version=1, predicted_at=NOW,
                    features=(0.0,) * len(NAMES),
                )  # fmt: skip
                cursor.execute(INSERT, row(decision, 0.01))

    def audit(self) -> Ledger:
        return audit(self.settings, self.domain, {one.model: None for one in self.domain.scored})

    def differing(self) -> set[str]:
        """The checks that do not agree."""
        return {check.name for check in self.audit().checks if not check.ok}


@pytest.fixture
def make(fresh: Settings, broker: KafkaBroker, tmp_path: Path) -> MakeSite:
    def site(domain: Domain) -> Site:
        own = {one.name: f"{one.name}-{uuid.uuid4().hex[:8]}" for one in domain.topics}
        update = {
            "kafka": fresh.kafka.model_copy(update={"topics": own}),
            "lake": LakeSettings(uri=str(tmp_path / "lake")),
        }
        settings = fresh.model_copy(update=update)
        kafka.create_topics(settings.kafka, domain.topics)
        return Site(settings, domain)

    return site


def test_transactions_that_nobody_took_in_are_netted_once_accepted(make: MakeSite) -> None:
    """The decision service had read them, so they are decided and in the database."""
    site = make(CARDS)
    site.send(T1, IDS)
    site.send(T2, IDS)
    site.record(IDS)
    site.ingest(T2, names.BRONZE_DECISIONS, "trans_num", frozenset())
    site.ingest(T1, names.BRONZE_TRANSACTIONS, "trans_num", frozenset(IDS[:2]))
    site.write(names.GOLD_FEATURES, pl.DataFrame({"trans_num": IDS[2:]}))
    assert site.differing() == {"in topic_1 = held", "read = decided"}
    site.accept()
    found = site.audit()
    assert found.balanced
    assert (f"accepted losses, {T1}", 2) in [(one.name, one.count) for one in found.notes]


def test_decisions_that_nobody_took_in_are_netted_once_accepted(make: MakeSite) -> None:
    site = make(CARDS)
    site.send(T1, IDS)
    site.send(T2, IDS)
    site.record(IDS)
    site.ingest(T1, names.BRONZE_TRANSACTIONS, "trans_num", frozenset())
    site.write(names.GOLD_FEATURES, pl.DataFrame({"trans_num": IDS}))
    site.ingest(T2, names.BRONZE_DECISIONS, "trans_num", frozenset(IDS[:3]))
    assert site.differing() == {"in topic_2 = held", "read = decided", "decided = in the database"}
    site.accept()
    assert site.audit().balanced


def test_more_than_what_was_accepted_is_still_a_difference(make: MakeSite) -> None:
    site = make(CARDS)
    site.send(T1, IDS)
    site.ingest(T1, names.BRONZE_TRANSACTIONS, "trans_num", frozenset(IDS[:2]))
    site.skipped = site.skipped[:1]
    site.accept()
    assert "in topic_1 = held" in site.differing()


def test_purchases_that_nobody_took_in_are_netted_once_accepted(make: MakeSite) -> None:
    site, topic = make(SEGMENTS), segments.TOPIC_PURCHASES
    site.send(topic, IDS)
    site.ingest(topic, segments.BRONZE_PURCHASES, "event_id", frozenset(IDS[:2]))
    assert site.differing() == {"in Kafka = bronze + quarantined"}
    site.accept()
    found = site.audit()
    assert found.balanced
    assert (f"accepted losses, {topic}", 2) in [(one.name, one.count) for one in found.notes]
