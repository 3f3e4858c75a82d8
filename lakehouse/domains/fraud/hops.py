"""The tables that a prediction passes through, as `cdrlake trace` shows them."""

from __future__ import annotations

from lakehouse.domain import Hop
from lakehouse.domains.fraud import contracts

HOPS = (
    Hop(
        "events",
        "Messages",
        contracts.BRONZE_EVENTS,
        entity="message_id",
        time="ingest_ts",
        order=("ingest_ts",),
        shown=tuple((name, name) for name in ("account_number", "partition", "offset", "Amount")),
        hidden=("extras", "batch_id"),
    ),
    Hop(
        "joined",
        "Prediction and truth",
        contracts.JOINED,
        entity="message_id",
        time="ingest_ts",
        order=("ingest_ts",),
        shown=tuple((name, name) for name in ("score", "probability", "Class", "known_at")),
    ),
)
