"""Another domain goes through mirror, ledger and trace without an edit to any of them."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from cdrlake.services.kafka import KafkaBroker
from lakehouse import kafka, mysql
from lakehouse.audit import audit
from lakehouse.checks import At, Check, Distinct, Held, Keys, Messages, OwnEvents
from lakehouse.clock import FixedClock
from lakehouse.contracts import Contract
from lakehouse.domain import Domain, Hop, Scored, Topic
from lakehouse.domains.settings import Settings
from lakehouse.kinds import KINDS, polars_schema
from lakehouse.names import table_uri
from lakehouse.publisher import Publisher
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings.model import LakeSettings
from lakehouse.trace import trace
from mirror.messages import RowPublisher
from mirror.sinks import MysqlSink
from mirror.sync import step
from tests.toy.machines import BRONZE, FAILURES, READINGS, SCORES, TOY

pytestmark = pytest.mark.integration

HOURS = [datetime(2026, 6, 1, hour, 30, tzinfo=UTC) for hour in range(4)]
STREAMS = "SELECT 'plant'"


@pytest.fixture
def toy(database: Settings, broker: KafkaBroker) -> Domain:
    """The toy domain with topics of its own and everything that the house can do for it."""
    mark = uuid.uuid4().hex[:8]
    readings, failures = f"readings-{mark}", f"failures-{mark}"
    kafka.create_topics(database.kafka, [Topic(readings, 1), Topic(failures, 1)])
    key = Distinct(SCORES.name, SCORES.key)
    hop = Hop(
        "readings", "Readings", BRONZE, "machine", "at", ("at",), (("at", "at"),), ("extras",)
    )
    return replace(
        TOY,
        feeds=(replace(READINGS, topic=readings),),
        mirrors=tuple(replace(one, topic=failures) for one in TOY.mirrors),
        stations=tuple(
            replace(one, of=readings) if one.kind == "topic" else one for one in TOY.stations
        ),
        checks=(
            Check("in Kafka = held", Messages(readings), Held(readings)),
            Check(
                "of the plant", Distinct(BRONZE.name, ("event_id",)), OwnEvents(readings, STREAMS)
            ),
            Check("scored = mirrored", key, At("mirrored")),
            Check("scored = published", key, Keys(failures)),
        ),
        hops=(hop,),
    )


@pytest.fixture
def plant(database: Settings, tmp_path: Path) -> Settings:
    columns = ", ".join(f"`{f.name}` {KINDS[f.kind].mysql}" for f in SCORES.fields)
    with mysql.connect(database.mysql, admin=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"CREATE OR REPLACE TABLE {database.mysql.database}.machine_failures "
            f"({columns}, PRIMARY KEY ({', '.join(SCORES.key)}))"
        )
    lake = LakeSettings(uri=str(tmp_path / "lake"))
    return database.model_copy(update={"lake": lake})


def write(settings: Settings, contract: Contract, rows: list[dict[str, object]]) -> None:
    """Rows of a contract; what they leave out is null."""
    frame = pl.DataFrame(
        [dict.fromkeys(contract.names) | row for row in rows], schema=polars_schema(contract)
    )
    feed = {"delta.enableChangeDataFeed": "true"} if contract.change_feed else {}
    uri = table_uri(settings.lake_uri, contract.name)
    frame.write_delta(uri, mode="append", delta_write_options={"configuration": feed})


def test_a_domain_that_nobody_knew_is_mirrored_counted_and_traced(
    toy: Domain, plant: Settings, tmp_path: Path
) -> None:
    topic, publisher = toy.feeds[0].topic, Publisher(plant.kafka)
    readings = [
        {"event_id": f"plant:{n}", "machine": "m1", "at": at, "vibration": n / 3, "failed": n == 3}
        for n, at in enumerate(HOURS)
    ]
    for reading in readings:
        publisher.send(topic, "m1", json.dumps(reading, default=str))
    publisher.deliver()
    place = {"topic": topic, "partition": 0, "day": date(2026, 6, 1), "kafka_timestamp": HOURS[0]}
    rows = [one | place | {"offset": n} for n, one in enumerate(readings)]
    write(plant, BRONZE, rows)
    write(plant, SCORES, [score(at) for at in HOURS])
    with mysql.connect(plant.mysql) as connection:
        send = RowPublisher(publisher, SCORES).send
        written = step(toy.mirrors[0], plant.lake_uri, MysqlSink(connection), send)
    assert written == 4
    found = audit(plant, toy, {})
    assert [(check.name, check.left, check.right) for check in found.checks] == [
        ("in Kafka = held", 4, 4),
        ("of the plant", 4, 4),
        ("scored = mirrored", 4, 4),
        ("scored = published", 4, 4),
    ]
    assert {step.name: step.count for step in found.steps}["quarantine"] == 0
    registry = Registry(MemoryStore(tmp_path / "registry"), FixedClock(HOURS[0]))
    way = trace(plant, registry, toy, unscored(), "m1", HOURS[3])
    assert [row["vibration"] for row in way.hops["readings"]] == [0, 1 / 3, 2 / 3, 1]
    assert way.outcome == 1
    assert list(way.as_dict(FAILURES))[:3] == ["machine", "at", "readings"]


def score(at: datetime) -> dict[str, object]:
    return {
        "machine": "m1", "at": at, "prediction": 0, "probability_0": 0.75, "probability_1": 0.25,
        "rawPrediction_0": 3.0, "rawPrediction_1": 1.0, "features_str": "{}", "model_version": 1,
        "run_id": "r", "scored_at": at,
    }  # fmt: skip


def unscored() -> Scored:
    """As if no prediction was there yet: to compute one again takes a model."""
    return replace(FAILURES, table=replace(SCORES, name="gold.none_yet"))
