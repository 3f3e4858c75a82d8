"""What is not as it should be is named by table, key and column; nothing is repaired."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakehouse import store
from lakehouse.clock import FixedClock
from lakehouse.domains import tables as all_tables
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import Settings
from lakehouse.errors import LedgerError
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from pyspark_jobs.cdr.churn_scoring import scoring_context
from pyspark_jobs.cdr.verify import Verifier
from pyspark_jobs.delta.differences import Difference
from pyspark_jobs.jobs import cdr_maintain
from pyspark_jobs.scoring import score
from tests.spark.model_site import Site
from tests.spark.sound_lake import DAYS, NOW, START


def rewrite(
    settings: Settings, table: str, column: str, value: object, day: date | None = None
) -> str:
    """Change the first value of `column` in a file (of `day`), as if it had always been so.

    Returns the file's path.
    """
    uri = table_uri(settings.lake_uri, table)
    paths: list[str] = pl.DataFrame(DeltaTable(uri).get_add_actions())["path"].to_list()
    path = next(one for one in paths if day is None or f"Date={day}" in one)
    file = Path(uri) / path
    size = file.stat().st_size
    rows = pq.ParquetFile(file).read()
    values = rows[column].to_pylist()
    values[0] = value
    place = rows.schema.get_field_index(column)
    field = rows.schema.field(column)
    pq.write_table(rows.set_column(place, field, pa.array(values, field.type)), file)
    for commit in (Path(uri) / "_delta_log").glob("*.json"):
        old, new = f'"size":{size}', f'"size":{file.stat().st_size}'
        lines = commit.read_text(encoding="utf-8").splitlines()
        commit.write_text("\n".join(x.replace(old, new) if path in x else x for x in lines))
    return path


def test_a_lake_that_follows_from_its_bronze_differs_in_nothing(verifier: Verifier) -> None:
    dates = verifier.dates()
    assert len(dates) == DAYS
    assert verifier.files(all_tables()) == []
    assert [found for day in dates for found in verifier.day(day)] == []


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (names.SILVER_DAILY, "events", 7),
        (names.SILVER_DAILY, "DP_DATA_VOLUME", Decimal("1.501")),
        (names.GOLD_FEATURES, "active_share_7d", 0.25),
    ],
)
def test_a_changed_value_is_named_by_table_key_and_column(
    made: Settings, verifier: Verifier, table: str, column: str, value: object
) -> None:
    path = rewrite(made, table, column, value)
    day = date.fromisoformat(path.split("Date=")[1][:10])
    found = [one for one in verifier.day(day) if (one.table, one.column) == (table, column)]
    assert len(found) == 1
    assert found[0].stored == repr(value)
    assert found[0].key.startswith("User=4500000")


def test_only_days_that_no_event_may_change_are_settled(verifier: Verifier, made: Settings) -> None:
    late = made.cdr.allowed_lateness_days
    assert verifier.settled() == [START + timedelta(days=n) for n in range(DAYS - 1 - late)]
    verifier.require(all_tables(), verifier.settled())


def test_a_difference_is_an_error_that_says_what_to_do(made: Settings, verifier: Verifier) -> None:
    day = date.fromisoformat(rewrite(made, names.SILVER_DAILY, "events", 7).split("Date=")[1][:10])
    with pytest.raises(LedgerError, match="1 files or values differ"):
        verifier.require([], [day])


def test_a_file_that_is_missing_or_of_another_size_is_named(
    made: Settings, verifier: Verifier
) -> None:
    uri = Path(table_uri(made.lake_uri, names.SILVER_DAILY))
    first, second, *_ = DeltaTable(str(uri)).file_uris()
    Path(first).unlink()
    with Path(second).open("ab") as file:
        file.write(b"x")
    found = verifier.files([names.SILVER_DAILY])
    assert {(one.stored == "no file") for one in found} == {True, False}
    assert len(found) == 2


def test_rows_too_many_and_too_few_are_named(made: Settings, verifier: Verifier) -> None:
    uri = table_uri(made.lake_uri, names.SILVER_DAILY)
    DeltaTable(uri).delete("\"User\" = '45000001' AND \"Date\" = DATE '2026-03-01'")
    found = verifier.day(START)
    missing = [one for one in found if one.table == names.SILVER_DAILY]
    assert [(one.stored, one.expected) for one in missing] == [("no row", "a row")]
    # Gold was made of the row that is gone.
    assert any(one.table == names.GOLD_FEATURES for one in found)


def test_a_changed_prediction_is_named_by_its_key_and_column(
    spark: SparkSession, copy: Site
) -> None:
    context = scoring_context(copy.settings, copy.registry, copy.clock)
    query = score.start(spark, context, None)
    query.awaitTermination()
    verifier = Verifier(spark, copy.settings, copy.registry)
    scored = store.scan(table_uri(copy.settings.lake_uri, names.PREDICTIONS)).collect()
    days = scored["Date"].unique().to_list()
    assert [one for day in days for one in verifier._of_predictions(day)] == []
    path = rewrite(copy.settings, names.PREDICTIONS, "probability_1", 0.123)
    day = date.fromisoformat(path.split("Date=")[1][:10])
    (found,) = verifier._of_predictions(day)
    assert (found.table, found.column) == (names.PREDICTIONS, "probability_1")
    assert (found.stored, found.key[:5]) == ("0.123", "User=")


@pytest.fixture
def maintenance(
    spark: SparkSession, made: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[str]], int]:
    """The job of maintenance in the session of these tests, on the lake `made`."""
    job = SimpleNamespace(spark=spark, settings=made, exit_code=0)
    registry = Registry(MemoryStore(tmp_path / "registry"), FixedClock(NOW))
    monkeypatch.setattr("pyspark_jobs.engine.runtime.job", lambda *_: nullcontext(job))
    few = [names.SILVER_DAILY, names.GOLD_FEATURES]
    monkeypatch.setattr(cdr_maintain, "tables", lambda: few)
    monkeypatch.setattr(cdr_maintain, "open_registry", lambda *_: registry)
    return cdr_maintain.main


def test_maintenance_verifies_a_share_of_the_days_afterwards(
    maintenance: Callable[[list[str]], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = verified(monkeypatch)
    assert maintenance(["--verify-days", "0"]) == 0
    assert seen == []
    assert maintenance([]) == 0
    assert len(set(seen)) == 2


def test_maintenance_fails_where_a_row_does_not_follow_from_bronze(
    maintenance: Callable[[list[str]], int], made: Settings
) -> None:
    rewrite(made, names.SILVER_DAILY, "events", 7, day=START)
    with pytest.raises(LedgerError, match="differ from what was written"):
        maintenance(["--verify-days", "100"])


def verified(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The days whose rows are verified from now on."""
    seen, verify = list[date](), Verifier.day

    def day(verifier: Verifier, chosen: date) -> list[Difference]:
        seen.append(chosen)
        return verify(verifier, chosen)

    monkeypatch.setattr(Verifier, "day", day)
    return seen
