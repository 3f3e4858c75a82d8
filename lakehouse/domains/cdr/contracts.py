"""The fields of every topic and table of the call-detail-record domain."""

from __future__ import annotations

from decimal import Decimal

from lakehouse.contracts import (
    BATCH,
    BUCKET,
    DECIMAL_DIGITS,
    DECIMAL_PLACES,
    EXTRAS,
    WIRE,
    Contract,
    Field,
    predictions,
    quarantine,
)
from lakehouse.contracts import REASONS as COMMON_REASONS

COUNT_MAX = 1_000_000
MEASURE_MAX = 1_000_000_000_000
# A day's sum of a measure stops here: the greatest value of a decimal column.
DAY_MAX = Decimal("9" * (DECIMAL_DIGITS - DECIMAL_PLACES) + "." + "9" * DECIMAL_PLACES)
MSISDN_PATTERN = r"^[0-9]{8,15}$"
EVENT_ID_PATTERN = r"^[A-Za-z0-9_.-]{1,64}:[0-9]{1,19}$"


def _count(name: str, doc: str) -> Field:
    return Field(name, "long", doc, minimum=0, maximum=COUNT_MAX)


def _measure(name: str, doc: str) -> Field:
    return Field(name, "decimal", doc, minimum=0, maximum=MEASURE_MAX)


MEASURES = (
    _count("DP_MOC_COUNT", "outgoing calls"),
    _measure("DP_MOC_DURATION", "seconds of outgoing calls"),
    _count("DP_MTC_COUNT", "incoming calls"),
    _measure("DP_MTC_DURATION", "seconds of incoming calls"),
    _count("DP_MOSMS_COUNT", "outgoing texts"),
    _count("DP_MTSMS_COUNT", "incoming texts"),
    _count("DP_DATA_COUNT", "data sessions"),
    _measure("DP_DATA_VOLUME", "data volume, bytes or the operator's unit"),
)
MEASURE_NAMES = tuple(field.name for field in MEASURES)
LABEL = "PSEUDO_CHURNED"

_MSISDN = Field(
    "DP_MSISDN",
    "string",
    "subscriber number, 8 to 15 digits",
    pattern=MSISDN_PATTERN,
    pattern_reason="bad_msisdn",
)
_ID = Field("id", "long", "row number in the source table", minimum=0)
_EVENT_DATE = Field("DP_DATE", "timestamp", "moment of the usage, UTC")
_EVENT_ID = Field(
    "event_id", "string", "`<stream_id>:<sequence>`, unique", pattern=EVENT_ID_PATTERN
)
_EMITTED = Field("emitted_at", "timestamp", "moment of emission, UTC")

CDR_EVENT = Contract(
    "cdr-events",
    (_ID, _EVENT_DATE, _MSISDN, *MEASURES, _EVENT_ID, _EMITTED),
    key=("event_id",),
)

CDR_OUTCOME = Contract(
    "cdr-outcomes",
    (
        _MSISDN,
        Field("date", "date", "date D that the label speaks of"),
        Field(LABEL, "int", "1: no activity in (D, D+H]", minimum=0, maximum=1),
        Field("known_at", "date", "first date on which the label could be known, D+H+1 or later"),
    ),
    key=("DP_MSISDN", "date"),
)

BRONZE_EVENTS = Contract(
    "bronze.cdr_events",
    (
        *CDR_EVENT.fields,
        EXTRAS,
        Field("Date", "date", "calendar date of DP_DATE in the configured timezone"),
        *WIRE,
        *BATCH,
    ),
    key=("topic", "partition", "offset", "event_id"),
    statistics=("Date",),
)

BRONZE_OUTCOMES = Contract(
    "bronze.cdr_outcomes",
    (*CDR_OUTCOME.fields, *WIRE, *BATCH),
    key=("topic", "partition", "offset"),
    statistics=("date",),
)


QUARANTINE_EVENTS = quarantine("quarantine.cdr_events")
QUARANTINE_OUTCOMES = quarantine("quarantine.cdr_outcomes")
REASONS = (*COMMON_REASONS, "bad_msisdn", "unknown_subscriber")

_USER_DAY = (
    Field("Date", "date", "calendar date"),
    Field("User", "string", "subscriber number", pattern=MSISDN_PATTERN),
)

SILVER_DAILY = Contract(
    "silver.cdr_daily",
    (
        *_USER_DAY,
        *(Field(f.name, f.kind, f"{f.doc}, sum of the day") for f in MEASURES),
        Field("events", "long", "distinct events counted into the row"),
        Field("last_emitted_at", "timestamp", "latest emission among them, for freshness"),
        Field(
            "event_hashes", "longs", "64-bit hashes of the event ids counted, for de-duplication"
        ),
        BUCKET,
    ),
    key=("User", "Date"),
    partition_by=("Date", BUCKET.name),
    bucket_by="User",
)

# The columns that users of `Processed_Data` know, and the measure behind each.
PROCESSED_COLUMNS = {
    "M_Out_Call_Count": "DP_MOC_COUNT",
    "M_Out_Call_Time": "DP_MOC_DURATION",
    "M_Data_Sum": "DP_DATA_VOLUME",
    "M_Data_Count": "DP_DATA_COUNT",
    "M_In_Call_Count": "DP_MTC_COUNT",
    "M_In_Call_Time": "DP_MTC_DURATION",
}
_KINDS = {field.name: field.kind for field in MEASURES}

PREDICTIONS = predictions(
    "gold.model_predictions",
    _USER_DAY,
    Field("label", "int", "outcome, null until known", minimum=0, maximum=1),
    partition_by=("Date", BUCKET.name),
    bucket_by="User",
)

PROCESSED_DATA = Contract(
    "gold.processed_data",
    (
        *_USER_DAY,
        *(Field(n, _KINDS[m], f"{m}, sum of the day") for n, m in PROCESSED_COLUMNS.items()),
        Field("M_Tenure_Churn", "int", "the outcome, null until known", nullable=True),
    ),
    key=("User", "Date"),
    partition_by=("Date",),
    change_feed=True,
)

DAILY_SUMMARY = Contract(
    "DailySummary",
    (
        Field("Date", "date", "calendar date"),
        Field("Total_Outgoing_Calls", "long", "sum of DP_MOC_COUNT"),
        Field("Total_Outgoing_Call_Time", "decimal", "sum of DP_MOC_DURATION, seconds"),
        Field("Total_Data_Purchases", "long", "sum of DP_DATA_COUNT"),
        Field("Total_Data_Volume", "decimal", "sum of DP_DATA_VOLUME"),
    ),
    key=("Date",),
)
