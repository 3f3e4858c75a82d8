"""A domain that tests make up: readings of meters, with a lake and a topic of their own."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import polars as pl
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from lakehouse import kafka
from lakehouse.amounts import Starts
from lakehouse.audit import audit
from lakehouse.checks import (
    At,
    Check,
    Conflicts,
    Distinct,
    Held,
    Lost,
    Messages,
    Net,
    OwnEvents,
    Sum,
)
from lakehouse.contracts import Contract, Field, quarantine
from lakehouse.domain import Domain, Feed, Station
from lakehouse.domains.settings import Settings
from lakehouse.ledger import Ledger
from lakehouse.names import QueryIdentity, table_uri
from lakehouse.settings.kafka import KafkaSettings

# Long enough for a broker on a machine that is ten times slower.
PATIENCE_S = 120.0
READING = Contract(
    "readings",
    (Field("event_id", "string", "id"), Field("meter", "string", "whose"), Field("v", "int", "")),
    key=("event_id",),
)
STREAMS = "SELECT 's' UNION SELECT 't'"


def meters(topic: str) -> Domain:
    """A domain that a test makes up, with a topic of its own."""
    bronze = replace(READING, name="bronze.readings")
    feed = Feed(
        QueryIdentity("meters", "bronze.readings", 1),
        topic,
        READING,
        bronze,
        quarantine("quarantine.readings"),
        entity="meter",
        event_id="event_id",
    )
    lost = Net("accepted losses", Lost(topic), "messages")
    twice = Net(
        "event ids used twice",
        Conflicts("bronze.readings", "event_id", ("meter",)),
        "events",
        missing="left",
    )
    return Domain(
        "meters",
        topics=(),
        feeds=(feed,),
        tables=(),
        stations=(
            Station("sent", "rows", "sql", "SELECT 6"),
            Station("kafka", "messages", "topic", topic),
            Station("bronze", "rows", "table", "bronze.readings"),
        ),
        checks=(
            Check("in Kafka = held", Messages(topic), Held(topic)),
            Check("sent = in the lake", At("sent"), OwnEvents(topic, STREAMS), (lost,)),
            Check(
                "bronze = silver",
                Distinct("bronze.readings", ("event_id",)),
                Sum("silver.readings", "events"),
                (twice,),
            ),
        ),
    )


class Site:
    """A lake, a topic, and what an ingest would do with them."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.settings, self.topic, self.domain = settings, topic, meters(topic)

    def ledger(self, starts: Starts | None = None) -> Ledger:
        return audit(self.settings, self.domain, starts or {})

    def comparison(self, name: str) -> tuple[int, int, bool]:
        found = next(check for check in self.ledger().checks if check.name == name)
        return found.left, found.right, found.ok

    def write(self, table: str, rows: pl.DataFrame) -> None:
        rows.write_delta(table_uri(self.settings.lake_uri, table), mode="append")

    def ingest(self, since: int = 0) -> None:
        """Take in what can be read from an offset on; what is no JSON goes to quarantine."""
        good, bad = [], []
        ranges = kafka.offset_ranges(self.settings.kafka, self.topic)
        spans = {number: [(max(low, since), end)] for number, (low, end) in ranges.items()}
        for message in kafka.read_ranges(self.settings.kafka, self.topic, spans):
            place = {
                "topic": self.topic,
                "partition": message.partition(),
                "offset": message.offset(),
            }
            try:
                good.append(json.loads(message.value() or b"") | place)
            except ValueError:
                bad.append({"reasons": "not_json", "raw": message.value(), **place})
        if good:
            rows = pl.DataFrame(good)
            self.write("bronze.readings", rows)
            once = rows.unique(["event_id", "meter"])
            self.write("silver.readings", once.group_by("meter").agg(events=pl.len()))
        if bad:
            self.write("quarantine.readings", pl.DataFrame(bad))


def create(settings: KafkaSettings, topic: str, config: dict[str, str]) -> None:
    admin = AdminClient(kafka.client_options(settings))
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result(PATIENCE_S)


def reading(number: int, meter: str = "m", stream: str = "s") -> bytes:
    return json.dumps({"event_id": f"{stream}:{number}", "meter": meter, "v": 1}).encode()


def publish(settings: KafkaSettings, topic: str, *values: bytes, key: bytes = b"k") -> None:
    producer = Producer(kafka.client_options(settings))
    for value in values:
        producer.produce(topic, value, key)
    assert producer.flush(PATIENCE_S) == 0


def in_transaction(settings: KafkaSettings, topic: str, *values: bytes, commit: bool) -> None:
    options = {"transactional.id": uuid.uuid4().hex}
    producer = Producer(kafka.client_options(settings) | options)
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, b"k")
    producer.flush(PATIENCE_S)
    if commit:
        producer.commit_transaction(PATIENCE_S)
    else:
        producer.abort_transaction(PATIENCE_S)
