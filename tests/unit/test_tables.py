"""Tables that are there already, and tables that cannot be read."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from lakehouse import store
from lakehouse.domains.cdr.contracts import PREDICTIONS, PROCESSED_DATA, SILVER_DAILY
from lakehouse.domains.cdr.features import changes_contract
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from lakehouse.settings.model import LakeSettings
from lakehouse.settings.spark import SparkSettings
from pyspark_jobs.delta import maintain, tables
from pyspark_jobs.delta.files import write_file
from pyspark_jobs.delta.table_writer import DeltaTableWriter

NOW = datetime(2026, 3, 12, tzinfo=UTC)


def test_a_log_cut_in_half_is_refused_by_name_and_fine_again_once_it_is_whole(
    tmp_path: Path,
) -> None:
    settings = Settings(lake=LakeSettings(uri=str(tmp_path)))
    tables.create_missing(settings, PROCESSED_DATA)
    uri = table_uri(settings.lake_uri, PROCESSED_DATA.name)
    (commit,) = (Path(uri) / "_delta_log").glob("*.json")
    whole = commit.read_bytes()
    commit.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StreamError, match=r"_delta_log: expected a log that can be read"):
        tables.create_missing(settings, PROCESSED_DATA)
    commit.write_bytes(whole)
    tables.create_missing(settings, PROCESSED_DATA)
    assert store.count(uri) == 0


def test_a_table_of_an_earlier_layout_is_refused_with_what_to_do(tmp_path: Path) -> None:
    settings = Settings(lake=LakeSettings(uri=str(tmp_path)))
    earlier = dataclasses.replace(SILVER_DAILY, partition_by=("Date",))
    tables.create_missing(settings, earlier)
    with pytest.raises(
        StreamError, match=r"earlier version, partitioned by Date; .* move its folder away"
    ):
        tables.create_missing(settings, SILVER_DAILY)


def test_the_number_of_buckets_is_that_of_the_tables_whatever_the_settings_say(
    tmp_path: Path,
) -> None:
    lake = LakeSettings(uri=str(tmp_path))
    settings = Settings(lake=lake, spark=SparkSettings(buckets=6))
    tables.create_missing(settings, SILVER_DAILY, PREDICTIONS)
    later = Settings(lake=lake, spark=SparkSettings(buckets=2))
    tables.create_missing(later, SILVER_DAILY, PREDICTIONS)
    assert tables.buckets(later, SILVER_DAILY, PREDICTIONS) == 6


def test_days_that_a_table_does_not_keep_are_deleted_from_its_latest_on(tmp_path: Path) -> None:
    settings, contract = Settings(lake=LakeSettings(uri=str(tmp_path))), changes_contract((2, 4, 7))
    tables.create_missing(settings, contract)
    table = DeltaTableWriter(settings.lake_uri, contract, {})
    values = {field.name: None for field in contract.fields} | {"User": "4917", "bucket": 0}
    for day in range(1, 12):
        row = pl.DataFrame([values | {"changed_on": date(2026, 3, day)}], polars_schema(contract))
        table.append([write_file(row, table.uri, contract, {})], NOW, "")
    maintain.expire(table.uri, {})
    maintain.expire(table.uri, {})
    left = store.scan(table.uri).collect()["changed_on"].sort().to_list()
    assert left == [date(2026, 3, day) for day in range(4, 12)]
