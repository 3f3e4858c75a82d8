"""Silver and gold come out the same whether the driver or Spark's tasks process a batch."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse import store
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import BRONZE_EVENTS, MEASURES
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from lakehouse.settings.model import LakeSettings
from lakehouse.settings.spark import SparkSettings
from pyspark_jobs.cdr.transform import Transform, create_tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter, OvertakenError

START, DAYS, USERS = date(2026, 3, 1), 14, 40
CLOCK = FixedClock(datetime(2026, 11, 1, tzinfo=UTC))
TABLES = names.SILVER_DAILY, names.GOLD_FEATURES, names.FEATURE_CHANGES


@pytest.fixture(scope="module")
def bronze() -> pl.DataFrame:
    """Rows of bronze of two weeks; a quarter of the subscribers fall silent halfway."""
    random.seed(5)
    kinds = polars_schema(BRONZE_EVENTS)
    rows = []
    for number in range(DAYS * USERS * 2):
        user, moment = number % USERS, number // (USERS * 2)
        if random.random() < 0.4 or (user % 4 == 0 and moment > DAYS // 2):
            continue
        amounts = {spec.name: random.randint(0, 9) for spec in MEASURES}
        emitted = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(seconds=number)
        whose = {"DP_MSISDN": f"45000{user:05}", "Date": START + timedelta(days=moment)}
        rows.append(amounts | whose | {"event_id": f"s:{number}", "emitted_at": emitted})
    return pl.DataFrame(rows, schema={name: kinds[name] for name in rows[0]})


def lake(place: Path, buckets: int, small: int) -> Settings:
    spark = SparkSettings(buckets=buckets, small_batch_rows=small)
    settings = Settings(
        state_dir=str(place / "state"), lake=LakeSettings(uri=str(place / "lake")), spark=spark
    )
    create_tables(settings)
    return settings


def run(spark: SparkSession, settings: Settings, bronze: pl.DataFrame, batches: int) -> Settings:
    transform = Transform(settings, CLOCK)
    for number, some in enumerate(frames(spark, bronze, batches)):
        transform.write_batch(some, number)
    return settings


def frames(spark: SparkSession, bronze: pl.DataFrame, batches: int) -> list[DataFrame]:
    size = -(-len(bronze) // batches)
    return [spark.createDataFrame(some.to_arrow()) for some in bronze.iter_slices(size)]


def rows_of(settings: Settings, table: str) -> pl.DataFrame:
    """The rows in an order of their own: a row may have changed several times."""
    found = (
        store.scan(table_uri(settings.lake_uri, table))
        .collect()
        .drop("bucket", "base_version", strict=False)
    )
    return found.sort("User", "Date", *(name for name in found.columns if name != "event_hashes"))


def test_tasks_in_four_buckets_make_the_tables_that_the_driver_makes_in_one(
    spark: SparkSession, tmp_path: Path, bronze: pl.DataFrame
) -> None:
    ours = run(spark, lake(tmp_path / "driver", 1, 10_000), bronze, 3)
    theirs = run(spark, lake(tmp_path / "tasks", 4, 0), bronze, 3)
    for table in TABLES:
        one, other = rows_of(ours, table), rows_of(theirs, table)
        assert len(one)
        assert one.equals(other)
    found = store.scan(table_uri(theirs.lake_uri, names.GOLD_FEATURES)).collect()
    assert set(found["bucket"]) == {0, 1, 2, 3}
    assert found.group_by("User").agg(pl.col("bucket").n_unique())["bucket"].max() == 1


def test_a_batch_in_the_driver_after_one_in_tasks_finds_its_rows(
    spark: SparkSession, tmp_path: Path, bronze: pl.DataFrame
) -> None:
    whole = run(spark, lake(tmp_path / "whole", 2, 0), bronze, 1)
    mixed = lake(tmp_path / "mixed", 2, len(bronze) // 2)
    first, *rest = frames(spark, bronze, 3)
    transform = Transform(mixed, CLOCK)
    transform.write_batch(first.unionByName(rest[0]), 0)
    transform.write_batch(rest[1], 1)
    for table in (names.SILVER_DAILY, names.GOLD_FEATURES):
        assert rows_of(whole, table).equals(rows_of(mixed, table))


def test_gold_that_was_cut_off_after_its_changes_is_made_up_for_from_them(
    spark: SparkSession, tmp_path: Path, bronze: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(spark, lake(tmp_path / "whole", 3, 0), bronze, 2)
    cut = lake(tmp_path / "cut", 3, 0)
    replace = DeltaTableWriter.replace_files

    def die_at_gold(table: DeltaTableWriter, *rest: object) -> None:
        if table.uri.endswith("cdr_features"):
            raise KeyboardInterrupt
        replace(table, *rest)  # type: ignore[arg-type]

    for number, some in enumerate(frames(spark, bronze, 2)):
        with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
            broken.setattr(DeltaTableWriter, "replace_files", die_at_gold)
            Transform(cut, CLOCK).write_batch(some, number)
        Transform(cut, CLOCK).write_batch(some, number)
    for table in TABLES:
        assert rows_of(whole, table).equals(rows_of(cut, table))


def test_maintenance_between_reading_and_writing_costs_another_attempt_and_no_row(
    spark: SparkSession, tmp_path: Path, bronze: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = bronze.sample(fraction=1, shuffle=True, seed=1)
    whole = run(spark, lake(tmp_path / "whole", 2, 0), mixed, 4)
    raced, refused = lake(tmp_path / "raced", 2, 0), []
    replace = DeltaTableWriter.replace_files

    def overtaken(table: DeltaTableWriter, *rest: object) -> None:
        table.latest().optimize.compact()
        try:
            replace(table, *rest)  # type: ignore[arg-type]
        except OvertakenError:
            refused.append(table.uri)
            raise

    with monkeypatch.context() as broken:
        broken.setattr(DeltaTableWriter, "replace_files", overtaken)
        run(spark, raced, mixed, 4)
    assert {uri.rsplit("/")[-1] for uri in refused} == {"cdr_daily", "cdr_features"}
    for table in TABLES:
        assert rows_of(whole, table).equals(rows_of(raced, table))


def test_tables_with_different_numbers_of_buckets_are_refused(tmp_path: Path) -> None:
    settings = lake(tmp_path, 2, 0)
    gold = tmp_path / "lake" / "gold" / "cdr_features"
    gold.rename(tmp_path / "aside")
    other = settings.model_copy(update={"spark": SparkSettings(buckets=3)})
    create_tables(other)
    with pytest.raises(StreamError, match=r"2 in silver\.cdr_daily, 3 in gold\.cdr_features"):
        Transform(other, CLOCK)
