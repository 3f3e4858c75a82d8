"""The domain as one value: what the shared modules work from."""

from __future__ import annotations

from lakehouse.checks import Check, Held, Messages
from lakehouse.domain import Domain, Feed, Station, Topic
from lakehouse.domains.segments import contracts, names

PURCHASES = Feed(
    identity=names.INGEST,
    topic=names.TOPIC_PURCHASES,
    message=contracts.PURCHASE,
    bronze=contracts.BRONZE_PURCHASES,
    quarantine=contracts.QUARANTINE_PURCHASES,
    entity="card",
    event_id="event_id",
)
SEGMENTS = Domain(
    name=names.NAME,
    topics=(Topic(names.TOPIC_PURCHASES),),
    feeds=(PURCHASES,),
    tables=(names.BRONZE_PURCHASES, names.QUARANTINE_PURCHASES),
    stations=(
        Station("kafka", "messages", "topic", names.TOPIC_PURCHASES),
        Station("bronze", "rows", "table", names.BRONZE_PURCHASES),
        Station("quarantine", "messages", "table", names.QUARANTINE_PURCHASES),
    ),
    checks=(
        Check(
            "in Kafka = bronze + quarantined",
            Messages(names.TOPIC_PURCHASES),
            Held(names.TOPIC_PURCHASES),
        ),
    ),
)
