"""The tables that a prediction passes through, as `cdrlake trace` shows them."""

from __future__ import annotations

from lakehouse.domain import Hop
from lakehouse.domains.cdr import contracts

_MEASURES = ("DP_MOC_COUNT", "DP_MTC_COUNT", "DP_DATA_COUNT")


def _headed(*columns: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name.removeprefix("DP_")) for name in columns)


HOPS = (
    Hop(
        "events",
        "Messages",
        contracts.BRONZE_EVENTS,
        entity="DP_MSISDN",
        time="Date",
        order=("DP_DATE",),
        shown=_headed("DP_DATE", "partition", "offset", *_MEASURES),
        hidden=("id", "extras", "batch_id"),
    ),
    Hop(
        "days",
        "Days",
        contracts.SILVER_DAILY,
        entity="User",
        time="Date",
        order=("Date",),
        shown=_headed("Date", "events", *_MEASURES, "DP_DATA_VOLUME"),
        hidden=("event_hashes", "bucket"),
    ),
)
