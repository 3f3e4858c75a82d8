"""Numbers that come with predictions, by chunk."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl

from lakehouse.domain import Measure
from monitoring.buckets import HOUR, Buckets
from monitoring.chunks import Bucket, Period, plan
from monitoring.measures import FLAGGED, RECENT, measured
from tests.toy.machines import FAILURES

START = datetime(2026, 6, 1, tzinfo=UTC)
SCORED = replace(FAILURES, measures=(Measure("took", "Seconds"),))
CHUNKS = plan([Bucket(START + n * HOUR, 4, "") for n in range(30)], Period.parse("1H"))


def rows() -> pl.LazyFrame:
    """Four rows an hour for thirty hours; hour n took n, n, n and n + 100, one of them flagged."""
    return pl.DataFrame(
        {
            SCORED.time: [START + n * HOUR + m * timedelta(minutes=9) for n in range(30)
                          for m in range(4)],
            SCORED.prediction: [int(m == 3) for _ in range(30) for m in range(4)],
            "took": [n + 100.0 * (m == 3) for n in range(30) for m in range(4)],
        }
    ).lazy()  # fmt: skip


def test_the_latest_chunks_have_mean_and_tail_of_each_measure() -> None:
    flagged, took = measured(rows(), SCORED, Buckets(HOUR), CHUNKS)
    assert (flagged.title, took.title) == (FLAGGED, "Seconds")
    assert len(took.values) == RECENT
    assert [value.mean for value in took.values] == [n + 25.0 for n in range(6, 30)]
    assert took.values[-1].tail == 129.0
    assert {value.mean for value in flagged.values} == {0.25}


def test_a_chunk_without_values_has_none_and_without_measures_nothing_is_read() -> None:
    empty = rows().filter(pl.col("took") < 0)
    assert measured(empty, SCORED, Buckets(HOUR), CHUNKS)[1].values[0].mean is None
    assert measured(pl.LazyFrame(), FAILURES, Buckets(HOUR), CHUNKS) == ()
