from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl

from lakehouse.domains.cdr.contracts import LABEL
from lakehouse.domains.cdr.domain import CHURN_OUTCOMES
from lakehouse.outcomes import latest

NOW, DAY = datetime(2026, 6, 1, tzinfo=UTC), date(2026, 4, 1)


def said(label: int, known: int, offset: int, who: str = "49170000001") -> dict[str, object]:
    return {
        "DP_MSISDN": who, "date": DAY, LABEL: label, "known_at": DAY + timedelta(days=known),
        "kafka_timestamp": NOW, "offset": offset,
    }  # fmt: skip


def test_the_last_word_counts_by_when_it_was_known_and_then_by_its_place() -> None:
    rows = [said(1, 31, 5), said(0, 31, 9), said(1, 31, 2), said(1, 2, 99), said(1, 1, 1, "2")]
    found = latest(pl.LazyFrame(rows), CHURN_OUTCOMES).collect().sort("DP_MSISDN", descending=True)
    assert found.rows() == [("49170000001", DAY, 0), ("2", DAY, 1)]
