"""What is not as it should be is named by table, key and column; nothing is repaired."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from types import SimpleNamespace

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakehouse import store
from lakehouse.clock import FixedClock
from lakehouse.domains import tables as all_tables
from lakehouse.domains.cdr import contracts, names
from lakehouse.domains.cdr.contracts import BRONZE_EVENTS, MEASURES
from lakehouse.domains.settings import Settings
from lakehouse.errors import LedgerError, StorageError
from lakehouse.kinds import arrow_schema
from lakehouse.names import FILE_CHECKSUMS, table_uri
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from pyspark_jobs.cdr import daily
from pyspark_jobs.cdr.churn_scoring import scoring_context
from pyspark_jobs.cdr.transform import Transform, create_tables
from pyspark_jobs.cdr.verify import Verifier
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.differences import Difference
from pyspark_jobs.delta.files import write_file
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.engine import readers
from pyspark_jobs.jobs import cdr_maintain
from pyspark_jobs.scoring import score
from tests.spark.model_site import Site

START, DAYS, USERS = date(2026, 3, 1), 6, 4
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def bronze() -> pa.Table:
    rows = [
        {
            "id": day * USERS + user,
            "DP_DATE": datetime(2026, 3, 1 + day, 12, tzinfo=UTC),
            "DP_MSISDN": f"4500000{user}",
            **{spec.name: 2 if spec.kind == "long" else Decimal("1.500") for spec in MEASURES},
            "event_id": f"s:{day * USERS + user}",
            "emitted_at": NOW,
            "extras": None,
            "Date": START + timedelta(days=day),
            "topic": "cdr-events", "partition": 0, "offset": day * USERS + user,
            "kafka_timestamp": NOW, "batch_id": 0, "ingested_at": NOW,
        }
        for day in range(DAYS)
        for user in range(USERS)
        if (day + user) % 3
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, arrow_schema(BRONZE_EVENTS))


@pytest.fixture
def made(spark: SparkSession, lake: Settings) -> Settings:
    """A lake whose silver and gold follow from its bronze."""
    create_tables(lake)
    tables.create_missing(lake, contracts.PREDICTIONS)
    uri = table_uri(lake.lake_uri, BRONZE_EVENTS.name)
    write_deltalake(uri, bronze(), mode="append")
    events = daily.event_columns(readers.read_table(spark, uri), lake.spark.buckets)
    Transform(lake, FixedClock(NOW)).apply_events(pl.DataFrame(events.toArrow()))
    return lake


@pytest.fixture
def verifier(spark: SparkSession, made: Settings, tmp_path: Path) -> Verifier:
    store = MemoryStore(tmp_path / "registry")
    return Verifier(spark, made, Registry(store, FixedClock(NOW)))


def rewrite(settings: Settings, table: str, column: str, value: object) -> str:
    """Change the first value of `column` in a file, as if it had always been so; its path."""
    uri = table_uri(settings.lake_uri, table)
    path = str(pl.DataFrame(DeltaTable(uri).get_add_actions())["path"][0])
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


def _any_of(name: str, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.List):
        return pl.concat_list(pl.lit(0.5)).cast(kind).alias(name)
    return pl.lit(_any(kind)).cast(kind).alias(name)


def with_predictions(settings: Settings) -> None:
    """Predictions of made-up scores."""
    contract = contracts.PREDICTIONS
    keys = [(f"450000{n:02}", START + timedelta(days=n % DAYS)) for n in range(60)]
    schema = pl.DataFrame(arrow_schema(contract).empty_table()).schema
    rows = pl.DataFrame(keys, schema=["User", "Date"], orient="row").select(
        *(
            pl.col(name) if name in ("User", "Date") else _any_of(name, kind)
            for name, kind in schema.items()
        )
    )
    DeltaTableWriter(settings.lake_uri, contract, {}).upsert(rows, rows.clear())


def with_pages_of_bronze(settings: Settings) -> str:
    """Bronze again, in a file as ingestion writes it; its table."""
    writer = DeltaTableWriter(settings.lake_uri, BRONZE_EVENTS, {})
    file = write_file(writer.read().collect(), writer.uri, BRONZE_EVENTS, {})
    DeltaTable(writer.uri).delete()
    writer.append_files([file], "q", 0, NOW)
    return writer.uri


def _any(kind: pl.DataType) -> object:
    return NOW if kind.is_temporal() else "0.5" if kind == pl.String else 1


def flips(settings: Settings, table: str, count: int) -> Iterator[tuple[Path, bytes]]:
    """Files of the table one after the other, each with one bit of a page turned over."""
    random = Random(table)
    files = sorted(Path(table_uri(settings.lake_uri, table)).rglob("*.parquet"))
    live = set(DeltaTable(table_uri(settings.lake_uri, table)).file_uris())
    for _ in range(count):
        file = random.choice([one for one in files if str(one) in live])
        whole = file.read_bytes()
        footer = int.from_bytes(whole[-8:-4], "little") + 8
        changed = bytearray(whole)
        changed[random.randrange(4, len(whole) - footer)] ^= 1 << random.randrange(8)
        file.write_bytes(changed)
        yield file, whole
        file.write_bytes(whole)


def test_every_flipped_bit_is_found_in_the_file_that_has_it(
    made: Settings, verifier: Verifier
) -> None:
    with_predictions(made)
    assert verifier.files(all_tables()) == []
    found = [
        (file.name in str(difference), difference.table)
        for table in (names.SILVER_DAILY, names.GOLD_FEATURES, names.PREDICTIONS)
        for file, _ in flips(made, table, 7)
        for difference in verifier.files(all_tables())
    ]
    assert len(found) == 21
    assert all(is_named for is_named, _ in found)
    assert verifier.files(all_tables()) == []


def test_of_files_never_seen_before_a_flipped_bit_is_found_or_changes_nothing(
    made: Settings, verifier: Verifier
) -> None:
    for table in (names.SILVER_DAILY, names.GOLD_FEATURES):
        for file, whole in flips(made, table, 7):
            day = date.fromisoformat(str(file).split("Date=")[1][:10])
            shutil.rmtree(table_uri(made.lake_uri, FILE_CHECKSUMS), ignore_errors=True)
            try:
                verifier.require([table], [day])
            except (LedgerError, StorageError):
                continue
            assert pq.ParquetFile(file).read().equals(pq.ParquetFile(pa.BufferReader(whole)).read())


def test_readers_see_a_flipped_bit_by_the_checksum_of_its_page(
    spark: SparkSession, made: Settings
) -> None:
    uri = with_pages_of_bronze(made)
    right = pl.DataFrame(readers.read_table(spark, uri).toArrow())
    refused = 0
    for _ in flips(made, BRONZE_EVENTS.name, 7):
        try:
            assert pl.DataFrame(readers.read_table(spark, uri).toArrow()).equals(right)
        except (PySparkException, Py4JJavaError):
            refused += 1
    assert refused > 4


def test_a_damaged_file_is_never_noted_as_sound(made: Settings, verifier: Verifier) -> None:
    file = Path(DeltaTable(with_pages_of_bronze(made)).file_uris()[0])
    content = bytearray(file.read_bytes())
    middle = (len(content) - int.from_bytes(content[-8:-4], "little") - 8) // 2
    content[middle] ^= 1
    file.write_bytes(content)
    for _ in range(2):
        assert [one.table for one in verifier.files(all_tables())] == [BRONZE_EVENTS.name]


def test_files_that_a_table_no_longer_names_are_forgotten(
    made: Settings, verifier: Verifier
) -> None:
    assert verifier.files(all_tables()) == []
    uri = table_uri(made.lake_uri, FILE_CHECKSUMS)
    before = store.scan(uri).collect()
    DeltaTable(table_uri(made.lake_uri, names.SILVER_DAILY)).delete()
    assert verifier.files([names.SILVER_DAILY]) == []
    after = store.scan(uri).collect()
    assert set(before["table"]) - set(after["table"]) == {names.SILVER_DAILY}


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
    rewrite(made, names.SILVER_DAILY, "events", 7)
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
