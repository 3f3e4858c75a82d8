"""The domain as one value: what the shared modules work from."""

from __future__ import annotations

from lakehouse.checks import (
    At,
    Check,
    Distinct,
    Held,
    Keys,
    Messages,
    Sql,
    accepted_losses,
    past_retention,
)
from lakehouse.domain import Domain, Exports, Feed, Hop, Outcomes, Scored, Station, Topic, Words
from lakehouse.domains.cards import contracts, names
from lakehouse.services import Page, Service

TRANSACTIONS = Feed(
    identity=names.INGEST_TRANSACTIONS,
    topic=names.TOPIC_TRANSACTIONS,
    message=contracts.TRANSACTION,
    bronze=contracts.BRONZE_TRANSACTIONS,
    quarantine=contracts.QUARANTINE_TRANSACTIONS,
    event_time="trans_date_trans_time",
    event_date="event_date",
    entity="cc_num",
    event_id="trans_num",
)
DECISIONS = Feed(
    identity=names.INGEST_DECISIONS,
    topic=names.TOPIC_DECISIONS,
    message=contracts.DECISION,
    bronze=contracts.BRONZE_DECISIONS,
    quarantine=contracts.QUARANTINE_DECISIONS,
    event_time="trans_date_trans_time",
    event_date="event_date",
    entity="cc_num",
    event_id="trans_num",
)
CONFIRMATIONS = Feed(
    identity=names.INGEST_OUTCOMES,
    topic=names.TOPIC_OUTCOMES,
    message=contracts.OUTCOME,
    bronze=contracts.BRONZE_OUTCOMES,
    quarantine=contracts.QUARANTINE_OUTCOMES,
    entity="trans_num",
)
FRAUD = Scored(
    model=names.MODEL_NAME,
    experiment=names.EXPERIMENT,
    features=names.GOLD_FEATURES,
    table=contracts.PREDICTIONS,
    entity="trans_num",
    time="trans_date_trans_time",
    score="probability_1",
    prediction="prediction",
    label="fraud_confirmed",
    outcomes=Outcomes(
        contracts.BRONZE_OUTCOMES,
        entity="trans_num",
        time="trans_date_trans_time",
        label="fraud_confirmed",
        order=("known_at", "kafka_timestamp", "offset"),
    ),
    words=Words("Card fraud", "transaction", "frauds", "was a fraud"),
    chunk="1H",
)

_ID = ("trans_num",)
_READ = Distinct(names.BRONZE_TRANSACTIONS, _ID)
_DECIDED = Distinct(names.BRONZE_DECISIONS, _ID)
_ROWS = f"SELECT COUNT(*) FROM {names.MYSQL_TABLE}"  # noqa: S608
_FLAGGED = f"{_ROWS} WHERE is_fraud = 1"
STATIONS = (
    Station("topic_1", "messages", "topic", names.TOPIC_TRANSACTIONS),
    Station("bronze", "rows", "table", names.BRONZE_TRANSACTIONS),
    Station("quarantine", "messages", "table", names.QUARANTINE_TRANSACTIONS, branch=True),
    Station("topic_2", "messages", "topic", names.TOPIC_DECISIONS),
    Station("decided", "rows", "table", names.BRONZE_DECISIONS),
    Station("gold", "rows", "table", names.GOLD_FEATURES),
    Station("scored", "rows", "table", names.PREDICTIONS),
    Station("database", "rows", "sql", _ROWS),
    Station("alarms", "messages", "topic", names.TOPIC_ALARMS),
)


CHECKS = (
    Check(
        "in topic_1 = held",
        Messages(names.TOPIC_TRANSACTIONS),
        Held(names.TOPIC_TRANSACTIONS),
        (accepted_losses(names.TOPIC_TRANSACTIONS),),
    ),
    Check(
        "read = decided",
        _READ,
        _DECIDED,
        (accepted_losses(names.TOPIC_DECISIONS), accepted_losses(names.TOPIC_TRANSACTIONS, "left")),
    ),
    Check(
        "in topic_2 = held",
        Messages(names.TOPIC_DECISIONS),
        Held(names.TOPIC_DECISIONS),
        (accepted_losses(names.TOPIC_DECISIONS),),
    ),
    Check(
        "decided = in the database",
        _DECIDED,
        At("database"),
        (accepted_losses(names.TOPIC_DECISIONS, "left"),),
    ),
    Check("read = features", _READ, Distinct(names.GOLD_FEATURES, _ID)),
    Check(
        "flagged = alarms",
        Sql(_FLAGGED),
        Keys(names.TOPIC_ALARMS),
        (past_retention(names.TOPIC_ALARMS),),
    ),
    Check(
        "confirmed = sent",
        Keys(names.TOPIC_OUTCOMES),
        Distinct(names.BRONZE_OUTCOMES, _ID),
        (accepted_losses(names.TOPIC_OUTCOMES), past_retention(names.TOPIC_OUTCOMES, "left")),
    ),
)
CARDS = Domain(
    name=names.NAME,
    title="Card transactions",
    about="Is this transaction approved, reviewed or blocked?",
    topics=tuple(Topic(name, partitions=names.PARTITIONS) for name in names.TOPICS),
    feeds=(TRANSACTIONS, DECISIONS, CONFIRMATIONS),
    tables=(
        names.BRONZE_TRANSACTIONS,
        names.BRONZE_DECISIONS,
        names.BRONZE_OUTCOMES,
        names.QUARANTINE_TRANSACTIONS,
        names.QUARANTINE_DECISIONS,
        names.QUARANTINE_OUTCOMES,
        names.GOLD_FEATURES,
        names.PREDICTIONS,
    ),
    scored=(FRAUD,),
    stations=STATIONS,
    checks=CHECKS,
    hops=(
        Hop(
            "transactions",
            "Transactions",
            contracts.BRONZE_TRANSACTIONS,
            "trans_num",
            "trans_date_trans_time",
            ("kafka_timestamp", "offset"),
            (("trans_date_trans_time", "time"), ("merchant", "merchant"), ("amt", "amount")),
        ),
        Hop(
            "decisions",
            "Decisions",
            contracts.BRONZE_DECISIONS,
            "trans_num",
            "trans_date_trans_time",
            ("kafka_timestamp", "offset"),
            (("decision", "decision"), ("score", "score"), ("predicted_at", "at")),
        ),
    ),
    pages=(Page("Investigators", "cards.page_port"),),
    exports=(Exports("cards.validated_dir", ("validated*.csv",)),),
    services=(
        Service("cards-source", "flaskapp.cards.source", port="cards.source_port"),
        Service("cards-page", "flaskapp.cards.investigate", port="cards.page_port"),
        Service("cards-record", "cdrlake.cards.record"),
        Service("cards-alarms", "cdrlake.cards.alarms"),
        Service("cards-door", "cdrlake.cards.door"),
        Service("cards-producer", "cdrlake.cards.producer"),
        Service("cards-pipeline", "pyspark_jobs.jobs.cards_pipeline", job=True),
    ),
)
