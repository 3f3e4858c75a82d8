"""Processed_Data for a period: from gold and outcomes, the same when run again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from lakehouse import store
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import BRONZE_OUTCOMES, PROCESSED_COLUMNS
from lakehouse.domains.cdr.features import feature_names, gold_contract
from lakehouse.domains.settings import Settings
from lakehouse.errors import ContractError
from lakehouse.names import table_uri
from lakehouse.periods import Period
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.cdr import processed
from pyspark_jobs.delta import tables

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
CLOCK = FixedClock(datetime(2026, 4, 1, 12, 30, 5, tzinfo=UTC))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lake with one subscriber's three days in gold, and one outcome."""
    lake = LakeSettings(uri=str(tmp_path / "lake"), processed_dir=str(tmp_path / "out"))
    made = Settings(lake=lake)
    gold = gold_contract(made.cdr.feature_windows)
    tables.create_missing(made, gold, BRONZE_OUTCOMES)
    days = pl.DataFrame(
        {"Date": [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)], "User": ["45000000"] * 3}
    )
    amounts = [pl.lit(2).cast(pl.Int64).alias(name) for name in PROCESSED_COLUMNS]
    features = [pl.lit(0.0).alias(name) for name in feature_names(made.cdr.feature_windows)]
    rows = days.with_columns(*amounts, *features, last_emitted_at=None, bucket=0)
    append(made, names.GOLD_FEATURES, rows, gold.names)
    return made


def append(settings: Settings, table: str, rows: pl.DataFrame, order: tuple[str, ...]) -> None:
    uri = table_uri(settings.lake_uri, table)
    target = store.scan(uri).collect_schema()
    data = rows.select(order).cast(dict(target))  # type: ignore[arg-type]
    write_deltalake(uri, data.to_arrow(compat_level=pl.CompatLevel.oldest()), mode="append")


def outcome(settings: Settings, label: int, known: date, offset: int = 0) -> None:
    place = {"topic": "t", "partition": 0, "offset": offset, "batch_id": 0}
    values = {"DP_MSISDN": "45000000", "date": date(2026, 3, 1), "PSEUDO_CHURNED": label}
    moments = {"known_at": known, "kafka_timestamp": CLOCK.now(), "ingested_at": CLOCK.now()}
    rows = pl.DataFrame([place | values | moments])
    append(settings, names.BRONZE_OUTCOMES, rows, BRONZE_OUTCOMES.names)


def table(settings: Settings) -> pl.DataFrame:
    return store.scan(table_uri(settings.lake_uri, names.PROCESSED)).sort("Date").collect()


def test_the_period_is_written_to_the_table_and_to_a_parquet_copy(settings: Settings) -> None:
    outcome(settings, 1, date(2026, 4, 1))
    path = processed.write(settings, MARCH, CLOCK)
    assert path.name == "processed_data_2026-04-01_123005.parquet"
    assert table(settings).equals(pl.read_parquet(path))
    assert table(settings)["Date"].to_list() == [date(2026, 3, 1), date(2026, 3, 2)]
    assert table(settings)["M_Tenure_Churn"].to_list() == [1, None]


def test_a_second_run_changes_nothing_and_a_new_label_one_row(settings: Settings) -> None:
    processed.write(settings, MARCH, CLOCK)
    uri = table_uri(settings.lake_uri, names.PROCESSED)
    first = store.version(uri)
    processed.write(settings, MARCH, CLOCK)
    assert first is not None
    assert store.version(uri) == first
    outcome(settings, 0, date(2026, 4, 1))
    processed.write(settings, MARCH, CLOCK)
    assert store.changes(uri, first).frame["M_Tenure_Churn"].to_list() == [0]


def test_a_period_without_rows_is_refused(settings: Settings) -> None:
    with pytest.raises(ContractError, match="rows from 2025-01-01"):
        processed.write(settings, Period(date(2025, 1, 1), date(2025, 1, 2)), CLOCK)


def test_of_two_words_known_on_one_day_the_later_message_counts(settings: Settings) -> None:
    for label, offset in ((0, 7), (1, 3)):
        outcome(settings, label, date(2026, 4, 1), offset)
    processed.write(settings, MARCH, CLOCK)
    assert table(settings)["M_Tenure_Churn"].to_list() == [0, None]
