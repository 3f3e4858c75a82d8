"""Truth without an event goes to quarantine, also where its batch is written twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import write_deltalake

from lakehouse.domains.fraud import contracts, names
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.fraud.overdue import quarantine_overdue

START = datetime(2026, 3, 2, tzinfo=UTC)
TABLES = contracts.BRONZE_TRUTH, contracts.QUARANTINE_TRUTH, contracts.WAITING


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    """A lake with two truths that wait for their events, told a day apart."""
    settings = Settings(state_dir=str(tmp_path))
    tables.create_missing(settings, *TABLES)
    kinds: Any = polars_schema(contracts.BRONZE_TRUTH)
    told = pl.DataFrame({"message_id": ["first", "second"], "Class": [1, 0]}).with_columns(
        known_at=pl.Series([START, START + timedelta(days=1)], dtype=pl.Datetime("us", "UTC")),
        topic=pl.lit(names.TOPIC_TRUTH), partition=pl.lit(0), offset=pl.int_range(0, 2),
        kafka_timestamp=pl.lit(START), batch_id=pl.lit(0), ingested_at=pl.lit(START),
        extras=pl.lit(None),
    ).with_columns(known_date=pl.col("known_at").dt.date(), since=pl.col("known_at"))  # fmt: skip
    for contract in (contracts.BRONZE_TRUTH, contracts.WAITING):
        kinds = polars_schema(contract)
        rows = told.select(contract.names).cast(kinds)
        data = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        write_deltalake(table_uri(settings.lake_uri, contract.name), data, mode="append")
    return settings


def ids(lake: Settings, table: str, column: str) -> list[str]:
    """The events named in a table."""
    rows = pl.read_delta(table_uri(lake.lake_uri, table))
    return sorted(rows[column].cast(pl.String).to_list())


def test_a_batch_that_is_written_again_later_moves_no_more_than_the_first_time(
    lake: Settings,
) -> None:
    """Killed before its commit, a batch is repeated at a time when more truth is overdue."""
    waiting = DeltaTableWriter(lake.lake_uri, contracts.WAITING, lake.lake_options)
    before = START + timedelta(hours=1)
    assert quarantine_overdue(lake, waiting, before, 7, START) == 1
    later = START + timedelta(days=2)
    quarantine_overdue(lake, waiting, later, 7, START)
    assert ids(lake, names.QUARANTINE_TRUTH, "key") == ["first"]
    assert ids(lake, names.WAITING_TRUTH, "message_id") == ["second"]
    assert quarantine_overdue(lake, waiting, later, 8, START) == 1
    assert ids(lake, names.QUARANTINE_TRUTH, "key") == ["first", "second"]
    assert ids(lake, names.WAITING_TRUTH, "message_id") == []


def test_a_batch_that_was_killed_between_the_two_tables_takes_away_what_it_had_moved(
    lake: Settings,
) -> None:
    waiting = DeltaTableWriter(lake.lake_uri, contracts.WAITING, lake.lake_options)
    held = waiting.read().collect()
    assert quarantine_overdue(lake, waiting, START + timedelta(hours=1), 7, START) == 1
    waiting.replace(held)
    assert quarantine_overdue(lake, waiting, START + timedelta(days=2), 7, START) == 1
    assert ids(lake, names.QUARANTINE_TRUTH, "key") == ["first"]
    assert ids(lake, names.WAITING_TRUTH, "message_id") == ["second"]
