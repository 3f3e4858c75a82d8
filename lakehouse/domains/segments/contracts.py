"""The fields of a purchase, and of every table that is made from purchases."""

from __future__ import annotations

from dataclasses import replace

from lakehouse.contracts import Contract, Field, bronze, predictions, quarantine
from lakehouse.domains.segments import names
from lakehouse.domains.segments.card_features import FEATURES
from lakehouse.domains.segments.next_purchase import FIRST_DAY, HORIZON

AMOUNT_MAX = 1_000_000_000
CARD = Field(
    "card",
    "string",
    "keyed hash of the card number; a number itself is refused",
    pattern=r"^[0-9a-f]{32}$",
)
PURCHASE = Contract(
    names.TOPIC_PURCHASES,
    (
        Field("event_id", "string", "`<source>:<sequence>`, unique"),
        CARD,
        Field("merchant", "string", "where it bought"),
        Field(
            "amount",
            "decimal",
            "what was paid; a refund is below 0",
            minimum=-AMOUNT_MAX,
            maximum=AMOUNT_MAX,
        ),
        Field("date", "date", "day of the purchase"),
    ),
    key=("event_id",),
)
BRONZE_PURCHASES = bronze(names.BRONZE_PURCHASES, PURCHASE)
QUARANTINE_PURCHASES = quarantine(names.QUARANTINE_PURCHASES)

AS_OF = Field("as_of", "date", "day that has not been seen yet; features are of the days before")
_CARD = replace(CARD, pattern=None, doc="key of the card")
GOLD_HISTORY = Contract(
    names.GOLD_HISTORY,
    (
        AS_OF,
        _CARD,
        Field(FIRST_DAY, "double", "the day `as_of`, in days since 1970-01-01"),
        Field(HORIZON, "double", "days ahead that the stored predictions are about"),
        *(Field(name, "double", doc) for name, doc in FEATURES.items()),
    ),
    key=("card", "as_of"),
    partition_by=("as_of",),
    change_feed=True,
)
BOUGHT = Field("bought", "boolean", "whether the card bought on `as_of` or in the 6 days after")
GOLD_OUTCOMES = Contract(
    names.GOLD_OUTCOMES,
    (
        AS_OF,
        _CARD,
        BOUGHT,
        Field("known_on", "date", "newest day in bronze when this was known"),
        Field("batch_id", "long", "micro-batch that wrote the row"),
    ),
    key=("card", "as_of", "batch_id"),
    partition_by=("as_of",),
)
WILL_SPEND = predictions(names.WILL_SPEND_TABLE, (AS_OF, _CARD), BOUGHT)
REQUEST = predictions(names.REQUEST_TABLE, (AS_OF, _CARD), BOUGHT)
# The horizons, in days, whose probabilities are stored.
STORED_HORIZONS = (1, 3, 7, 14, 30, 60, 90)
GOLD_SEGMENTS = Contract(
    names.GOLD_SEGMENTS,
    (
        AS_OF,
        _CARD,
        Field("type", "int", "number of the type, from 0"),
        Field("type_name", "string", "its name, which is kept when the model is trained again"),
        Field("clearness", "double", "1 on the centroid, 0.5 half way to the next one"),
        Field("state", "int", "0, 1, 2: quiet for 0-6, 7-27, 28 and more days"),
        Field("segment", "int", "type x 3 + state; a small segment has another one's number"),
        Field("segment_name", "string", "the segment in words"),
        *(Field(f"p_{k}", "double", f"that it buys within {k} days") for k in STORED_HORIZONS),
        Field("model_version", "int", "version of the types"),
        Field("will_spend_version", "int", "version of the model that gave the probabilities"),
    ),
    key=("card", "as_of"),
    partition_by=("as_of",),
    change_feed=True,
)
TABLES = (
    BRONZE_PURCHASES,
    QUARANTINE_PURCHASES,
    GOLD_HISTORY,
    GOLD_OUTCOMES,
    WILL_SPEND,
    REQUEST,
    GOLD_SEGMENTS,
)
