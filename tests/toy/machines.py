"""Machines that shake before they fail: one topic, a double, a boolean label, hourly chunks."""

from __future__ import annotations

from lakehouse.checks import At, Check, Distinct, Held, Keys, Messages
from lakehouse.contracts import Contract, Field, bronze, predictions, quarantine
from lakehouse.domain import Domain, Feed, Hop, Mirror, Outcomes, Scored, Station, Topic, Words
from lakehouse.names import QueryIdentity

MACHINE = Field("machine", "string", "whose reading it is", pattern=r"^m[0-9]{1,6}$")
AT = Field("at", "timestamp", "moment of the reading, UTC")
READING = Contract(
    "readings",
    (
        Field("event_id", "string", "`<stream>:<sequence>`, unique"),
        MACHINE,
        AT,
        Field("vibration", "double", "mm/s", minimum=0, maximum=1_000),
        Field("failed", "boolean", "whether it failed within the hour", nullable=True),
    ),
    key=("event_id",),
)
BRONZE = bronze("bronze.readings", READING, Field("day", "date", "calendar date of the reading"))
QUARANTINE = quarantine("quarantine.readings")
SCORES = predictions("gold.machine_failures", (AT, MACHINE), Field("failed", "boolean", "outcome"))

KEYS = Distinct(SCORES.name, SCORES.key)

READINGS = Feed(
    identity=QueryIdentity("toy_ingest", BRONZE.name, 1),
    topic=READING.name,
    message=READING,
    bronze=BRONZE,
    quarantine=QUARANTINE,
    event_time="at",
    event_date="day",
    entity="machine",
    event_id="event_id",
)
FAILURES = Scored(
    model="machine_failures",
    experiment="machines",
    features=BRONZE.name,
    table=SCORES,
    entity="machine",
    time="at",
    score="probability_1",
    prediction="prediction",
    label="failed",
    outcomes=Outcomes(BRONZE, "machine", "at", "failed", ("kafka_timestamp", "offset")),
    words=Words("Machine failures", "machine", "failures", "failed"),
    chunk="1H",
)
TOY = Domain(
    name="toy",
    topics=(Topic("readings", partitions=1), Topic("failures", partitions=1)),
    feeds=(READINGS,),
    tables=(BRONZE.name, QUARANTINE.name, SCORES.name),
    scored=(FAILURES,),
    mirrors=(Mirror(SCORES, "machine_failures", "failures"),),
    stations=(
        Station("kafka", "messages", "topic", "readings"),
        Station("bronze", "rows", "table", BRONZE.name),
        Station("quarantine", "messages", "table", QUARANTINE.name),
        Station("scored", "rows", "table", SCORES.name),
        Station("mirrored", "rows", "sql", "SELECT COUNT(*) FROM machine_failures"),
    ),
    checks=(
        Check("in Kafka = held", Messages("readings"), Held("readings")),
        Check("read = scored", Distinct(BRONZE.name, ("machine", "at")), KEYS),
        Check("scored = mirrored", KEYS, At("mirrored")),
        Check("scored = published", KEYS, Keys("failures")),
    ),
    hops=(Hop("readings", "Readings", BRONZE, "machine", "at", ("at",), (("at", "at"),)),),
)
