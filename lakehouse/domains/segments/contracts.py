"""The fields of a purchase, on the topic and in the lake."""

from __future__ import annotations

from lakehouse.contracts import Contract, Field, bronze, quarantine
from lakehouse.domains.segments import names

AMOUNT_MAX = 1_000_000_000
PURCHASE = Contract(
    names.TOPIC_PURCHASES,
    (
        Field("event_id", "string", "`<source>:<sequence>`, unique"),
        Field(
            "card",
            "string",
            "keyed hash of the card number; a number itself is refused",
            pattern=r"^[0-9a-f]{32}$",
        ),
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
