"""Hours and weekdays where people live, and churn rates with honest errors."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from deltalake import write_deltalake

from eda import plots, profile, source
from eda.config import Config
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES
from lakehouse.domains.cdr.names import BRONZE_EVENTS, BRONZE_OUTCOMES
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.settings.model import LakeSettings


def test_hour_and_weekday_are_those_of_the_time_zone() -> None:
    moments = pl.LazyFrame({"DP_DATE": pl.Series(["2026-05-03 16:30", "2026-05-03 03:00"])})
    rows = moments.with_columns(pl.col("DP_DATE").str.to_datetime("%Y-%m-%d %H:%M", time_unit="ms"))
    hours = ("DP_HOUR", "DP_WEEKDAY")
    assert profile.with_time(rows).select(hours).collect().rows() == [(16.0, 7.0), (3.0, 7.0)]
    tokyo = profile.with_time(rows, "Asia/Tokyo").select(hours).collect().rows()
    assert tokyo == [(1.0, 1.0), (12.0, 7.0)]


def test_equal_values_are_in_one_part() -> None:
    values = np.array([0.0] * 70 + list(range(1, 31)))
    label = np.array([1.0] * 35 + [0.0] * 65)
    found = plots.rates([str(n) for n in range(100)], values, label)
    assert (found.middle[0], found.rate[0]) == (0, 0.5)
    assert len(found.middle) == 4
    assert (np.diff(found.middle) > 0).all()
    assert found.rate[1:].tolist() == [0, 0, 0]
    only = plots.rates(["a", "b"], np.array([3.0, 3.0]), np.array([0.0, 1.0]))
    assert (only.middle.tolist(), only.rate.tolist()) == ([3.0], [0.5])


def test_rows_of_the_same_subscribers_make_a_rate_no_surer() -> None:
    rng = np.random.default_rng(1)
    label = (rng.random(400) < 0.2).astype(float)
    values = rng.random(400)
    users = [str(n) for n in range(400)]
    once = plots.rates(users, values, label)
    often = plots.rates(users * 25, np.tile(values, 25), np.tile(label, 25))
    assert often.rate == pytest.approx(once.rate)
    assert often.error == pytest.approx(once.error)
    n = 40
    assert once.error == pytest.approx(np.sqrt(once.rate * (1 - once.rate) / (n - 1)), rel=1e-6)
    lone = plots.rates(["a"] * 30, np.arange(30.0), np.ones(30))
    assert np.isfinite(lone.error).all()


def test_the_lake_gives_the_last_word_of_each_outcome(tmp_path: Path) -> None:
    day, users = date(2026, 3, 1), [f"4917{user:08d}" for user in range(500)]
    settings = Settings(lake=LakeSettings(uri=str(tmp_path / "lake")))
    events = pl.DataFrame({"DP_MSISDN": users}).with_row_index("id").with_columns(
        pl.col("id").cast(pl.Int64), pl.lit(day).alias("Date"),
        pl.lit(datetime(2026, 3, 1, 12, tzinfo=UTC)).alias("DP_DATE"),
        pl.format("s:{}", "id").alias("event_id"),
        *(pl.lit(1.0).alias(name) for name in MEASURE_NAMES),
    )  # fmt: skip
    words = [
        pl.DataFrame({"DP_MSISDN": users}).with_columns(
            pl.lit(day).alias("date"), pl.lit(label, pl.Int32).alias(LABEL),
            known_at=date(2026, 4, known), kafka_timestamp=datetime(2026, 4, 1, tzinfo=UTC),
            offset=known,
        )
        for label, known in ((0, 9), (1, 20), (0, 3))
    ]  # fmt: skip
    for name, rows in ((BRONZE_EVENTS, events), (BRONZE_OUTCOMES, pl.concat(words))):
        write_deltalake(table_uri(settings.lake_uri, name), rows.to_arrow())
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = source.scan(Config(day, day, "lake"), settings, scratch).collect()
    assert found[LABEL].to_list() == [1] * len(users)
