"""The domain as one value: what the shared modules work from."""

from __future__ import annotations

from lakehouse.checks import At, Check, Distinct, Held, Keys, Messages, accepted_losses
from lakehouse.domain import Domain, Feed, Hop, Scored, Station, Topic, Words
from lakehouse.domains.clicks import contracts, names
from lakehouse.services import Page, Service

EVENTS = Feed(
    identity=names.INGEST_EVENTS,
    topic=names.TOPIC_EVENTS,
    message=contracts.CLICK,
    bronze=contracts.BRONZE_EVENTS,
    quarantine=contracts.QUARANTINE_EVENTS,
    event_time="ts",
    event_date="event_date",
    entity="user_id",
)
BOTS = Scored(
    model=names.MODEL_NAME,
    experiment=names.EXPERIMENT,
    features=names.RESULTS,
    table=contracts.RESULTS,
    entity="user_id",
    time="window_start",
    score="probability",
    prediction="prediction",
    label="is_bot",
    outcomes=None,
    words=Words("Bots", "window", "windows of bots", "was a bot's"),
)
CLICKS = Domain(
    name=names.NAME,
    topics=(
        Topic(names.TOPIC_EVENTS),
        # One partition, so that the changes of a user keep their order.
        Topic(names.TOPIC_USERS, partitions=1, compacted=True),
        Topic(names.TOPIC_RESULTS),
    ),
    feeds=(EVENTS,),
    tables=(
        names.BRONZE_EVENTS,
        names.QUARANTINE_EVENTS,
        names.QUARANTINE_USERS,
        names.USERS,
        names.RESULTS,
    ),
    stations=(
        Station("clicks", "messages", "topic", names.TOPIC_EVENTS),
        Station("bronze clicks", "rows", "table", names.BRONZE_EVENTS),
        Station("quarantined clicks", "messages", "table", names.QUARANTINE_EVENTS, branch=True),
        Station("users", "rows", "table", names.USERS),
        Station("results", "rows", "table", names.RESULTS),
        Station("published results", "messages", "topic", names.TOPIC_RESULTS),
    ),
    checks=(
        Check(
            "clicks in Kafka = held",
            Messages(names.TOPIC_EVENTS),
            Held(names.TOPIC_EVENTS),
            (accepted_losses(names.TOPIC_EVENTS),),
        ),
        Check("results = windows", At("results"), Distinct(names.RESULTS, contracts.RESULTS.key)),
        Check(
            "results = published",
            Distinct(names.RESULTS, contracts.RESULTS.key),
            Keys(names.TOPIC_RESULTS),
        ),
    ),
    hops=(
        Hop(
            "clicks",
            "Clicks",
            contracts.BRONZE_EVENTS,
            "user_id",
            "ts",
            ("ts",),
            (("ts", "ts"), ("event", "event")),
        ),
    ),
    pages=(Page("SQL pipeline", "simulator.port", "clicks/pipeline"),),
    services=(
        Service("schema-registry", "lakehouse.schema_registry", port="schemas.port"),
        Service("connect", "cdrlake.clicks.connector", port="connect.port"),
        Service(
            "clicks-pipeline",
            "pyspark_jobs.jobs.clicks_pipeline",
            after=("schema-registry", "connect"),
            job=True,
        ),
    ),
    queried=(contracts.USERS, contracts.RESULTS),
    asked=(BOTS,),
    title="Clicks",
    about="What users look at in a shop, in windows of minutes, and which of them are bots.",
)
