"""The fields of the domain's messages and tables, declared once."""

from __future__ import annotations

from dataclasses import replace

from lakehouse.contracts import Contract, Field, bronze, quarantine
from lakehouse.domains.fraud import names

COMPONENTS = tuple(f"V{number}" for number in range(1, 29))
FEATURES = (*COMPONENTS, "Amount")

_ID = r"^[^\x00-\x1f]{1,190}$"
MESSAGE_ID = Field(
    "message_id", "string", "id of the event; the source never uses it twice", pattern=_ID
)
ACCOUNT = Field("account_number", "string", "whose card it is; the key of the message", pattern=_ID)
AT = Field("ingest_ts", "timestamp", "moment at which the source sent the event, UTC")
CLASS = Field("Class", "int", "1 for a fraud, 0 for an honest payment", minimum=0, maximum=1)
KNOWN_AT = Field("known_at", "timestamp", "moment at which the truth became known, UTC")
EVENT_DATE = Field("event_date", "date", "calendar date of the event")

EVENT = Contract(
    names.TOPIC_EVENTS,
    (
        MESSAGE_ID,
        ACCOUNT,
        Field("Time", "double", "seconds since the first payment of the source", minimum=0),
        *(Field(name, "double", "engineered feature", nullable=True) for name in COMPONENTS),
        Field("Amount", "double", "amount of the payment", nullable=True, minimum=0),
        AT,
    ),
    key=("message_id",),
)
TRUTH = Contract(names.TOPIC_TRUTH, (MESSAGE_ID, CLASS, KNOWN_AT), key=("message_id", "known_at"))

BRONZE_EVENTS = bronze(names.BRONZE_EVENTS, EVENT, EVENT_DATE)
BRONZE_TRUTH = bronze(
    names.BRONZE_TRUTH, TRUTH, Field("known_date", "date", "calendar date of `known_at`")
)
QUARANTINE_EVENTS = quarantine(names.QUARANTINE_EVENTS)
QUARANTINE_TRUTH = quarantine(names.QUARANTINE_TRUTH)

_SCORED = (
    Field("score", "double", "anomaly score of the online learner, from 0 (ordinary) to 1"),
    Field("probability", "double", "the model's probability of a fraud; without one, the score"),
    Field("decision", "int", "1 for an alert: the probability reaches the threshold"),
    Field("model_version", "int", "version in the registry; 0 is the online learner itself"),
)
_LATENCY = Field("prediction_latency", "double", "seconds from `ingest_ts` to `prediction_ts`")
PREDICTED_AT = Field("prediction_ts", "timestamp", "moment of scoring, UTC")

PREDICTIONS = Contract(
    names.PREDICTIONS,
    (
        MESSAGE_ID,
        ACCOUNT,
        AT,
        replace(CLASS, nullable=True),
        *_SCORED,
        Field("run_id", "string", "training run of that version; empty for version 0"),
        PREDICTED_AT,
        Field("scored_at", "timestamp", "the same moment, under the name that all models share"),
        _LATENCY,
        Field("backlog", "double", "seconds from ingestion into the lake to `prediction_ts`"),
    ),
    key=("message_id",),
    change_feed=True,
    statistics=("ingest_ts", "scored_at"),
)
JOINED = Contract(
    names.JOINED,
    (
        MESSAGE_ID,
        ACCOUNT,
        AT,
        CLASS,
        KNOWN_AT,
        *_SCORED,
        PREDICTED_AT,
        _LATENCY,
        Field("joined_at", "timestamp", "moment at which both were there, UTC"),
    ),
    key=("message_id",),
    change_feed=True,
    statistics=("ingest_ts", "joined_at"),
)
# Truth that found no prediction yet. It waits; after too long it goes to quarantine.
WAITING = Contract(
    names.WAITING_TRUTH,
    (MESSAGE_ID, CLASS, KNOWN_AT, Field("since", "timestamp", "moment at which it was read, UTC")),
    key=("message_id",),
)
DATASETS = Contract(
    names.DATASETS,
    (
        Field("version", "int", "number of the training set that the row came in with"),
        ACCOUNT,
        *(field for field in EVENT.fields if field.name not in ("account_number", "ingest_ts")),
        AT,
        CLASS,
        replace(KNOWN_AT, nullable=True),
    ),
    key=("version", "message_id"),
)
