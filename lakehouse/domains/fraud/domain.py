"""The domain as one value: what the shared modules work from."""

from __future__ import annotations

from lakehouse.domain import Domain, Exports, Feed, Measure, Mirror, Scored, Topic, Words
from lakehouse.domains.fraud import contracts, names
from lakehouse.domains.fraud.checks import CHECKS
from lakehouse.domains.fraud.hops import HOPS
from lakehouse.domains.fraud.stations import STATIONS
from lakehouse.services import Service

PARTITIONS = 6
EVENTS = Feed(
    identity=names.INGEST_EVENTS,
    topic=names.TOPIC_EVENTS,
    message=contracts.EVENT,
    bronze=contracts.BRONZE_EVENTS,
    quarantine=contracts.QUARANTINE_EVENTS,
    event_time="ingest_ts",
    event_date="event_date",
    entity="account_number",
    event_id="message_id",
)
TRUTH = Feed(
    identity=names.INGEST_TRUTH,
    topic=names.TOPIC_TRUTH,
    message=contracts.TRUTH,
    bronze=contracts.BRONZE_TRUTH,
    quarantine=contracts.QUARANTINE_TRUTH,
    event_time="known_at",
    event_date="known_date",
    entity="message_id",
)
CARDS = Scored(
    model=names.MODEL_NAME,
    experiment=names.EXPERIMENT,
    features=names.BRONZE_EVENTS,
    table=contracts.PREDICTIONS,
    entity="message_id",
    time="ingest_ts",
    score="probability",
    prediction="decision",
    label="Class",
    outcomes=None,
    words=Words("Card fraud", "payment", "frauds", "were frauds"),
    chunk="1H",
    measures=(
        Measure("score", "Anomaly score"),
        Measure("prediction_latency", "Latency, s"),
        Measure("backlog", "Backlog, s"),
    ),
)
FRAUD = Domain(
    name=names.NAME,
    topics=(
        Topic(names.TOPIC_EVENTS, PARTITIONS),
        Topic(names.TOPIC_TRUTH, PARTITIONS),
        Topic(names.TOPIC_JOINED, PARTITIONS),
        Topic(names.TOPIC_CONTROL, 1),
        Topic(names.TOPIC_PREDICTIONS, PARTITIONS),
    ),
    feeds=(EVENTS, TRUTH),
    tables=(
        names.BRONZE_EVENTS,
        names.BRONZE_TRUTH,
        names.QUARANTINE_EVENTS,
        names.QUARANTINE_TRUTH,
        names.WAITING_TRUTH,
        names.PREDICTIONS,
        names.JOINED,
        names.DATASETS,
    ),
    scored=(CARDS,),
    mirrors=(
        Mirror(contracts.PREDICTIONS, names.MYSQL_PREDICTIONS, names.TOPIC_PREDICTIONS),
        Mirror(contracts.JOINED, names.MYSQL_JOINED, names.TOPIC_JOINED),
    ),
    stations=STATIONS,
    checks=CHECKS,
    hops=HOPS,
    services=(Service("fraud-pipeline", "pyspark_jobs.jobs.fraud_pipeline", job=True),),
    exports=(
        Exports(
            "fraud.project_dir",
            (
                "model_metadata*.json",
                "dominostats.json",
                "inf_truth_join/part_*.csv",
                "training_datasets/v*/ds.csv",
            ),
        ),
        Exports("fraud.project_dir", ("models/v*/*",), of_models=True),
    ),
    title="Card fraud",
    about="Card payments as they come, which of them are frauds, and the truth that comes later.",
    control=names.TOPIC_CONTROL,
)
