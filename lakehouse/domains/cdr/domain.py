"""The domain as one value: what the shared modules work from."""

from __future__ import annotations

from lakehouse.domain import Domain, Feed, Mirror, Outcomes, Scored, Slices, Topic, Words
from lakehouse.domains.cdr import contracts, names
from lakehouse.domains.cdr.checks import CHECKS
from lakehouse.domains.cdr.hops import HOPS
from lakehouse.domains.cdr.stations import STATIONS
from lakehouse.services import Service

EVENTS = Feed(
    identity=names.INGEST_EVENTS,
    topic=names.TOPIC_EVENTS,
    message=contracts.CDR_EVENT,
    bronze=contracts.BRONZE_EVENTS,
    quarantine=contracts.QUARANTINE_EVENTS,
    event_time="DP_DATE",
    event_date="Date",
    entity="DP_MSISDN",
    event_id="event_id",
    unknown_reason="unknown_subscriber",
)
OUTCOMES = Feed(
    identity=names.INGEST_OUTCOMES,
    topic=names.TOPIC_OUTCOMES,
    message=contracts.CDR_OUTCOME,
    bronze=contracts.BRONZE_OUTCOMES,
    quarantine=contracts.QUARANTINE_OUTCOMES,
    entity="DP_MSISDN",
    ordered=(("date", "known_at"),),
)
CHURN_OUTCOMES = Outcomes(
    contracts.BRONZE_OUTCOMES,
    entity="DP_MSISDN",
    time="date",
    label=contracts.LABEL,
    order=("known_at", "kafka_timestamp", "offset"),
)
CHURN = Scored(
    model=names.MODEL_NAME,
    experiment=names.EXPERIMENT,
    features=names.GOLD_FEATURES,
    changes=names.FEATURE_CHANGES,
    table=contracts.PREDICTIONS,
    entity="User",
    time="Date",
    score="probability_1",
    prediction="prediction",
    label="label",
    outcomes=CHURN_OUTCOMES,
    words=Words("Churn", "subscriber", "churners", "churned"),
    slices=Slices(
        names.MYSQL_SUBSCRIBERS, "DP_MSISDN", ("segment", "region"), since="activated_on"
    ),
)
CDR = Domain(
    name=names.NAME,
    topics=tuple(map(Topic, names.TOPICS)),
    feeds=(EVENTS, OUTCOMES),
    tables=(
        names.BRONZE_EVENTS,
        names.BRONZE_OUTCOMES,
        names.QUARANTINE_EVENTS,
        names.QUARANTINE_OUTCOMES,
        names.SILVER_DAILY,
        names.GOLD_FEATURES,
        names.FEATURE_CHANGES,
        names.PREDICTIONS,
        names.PROCESSED,
    ),
    scored=(CHURN,),
    mirrors=(
        Mirror(
            contracts.PREDICTIONS, names.MYSQL_PREDICTIONS, names.TOPIC_PREDICTIONS, part_by="Date"
        ),
        Mirror(contracts.PROCESSED_DATA, names.MYSQL_PROCESSED, part_by="Date"),
    ),
    stations=STATIONS,
    checks=CHECKS,
    hops=HOPS,
    services=(Service("pipeline", "pyspark_jobs.jobs.cdr_pipeline", job=True),),
    title="Call-detail records",
    about="Usage of subscribers, day by day, and which of them will soon leave.",
)
