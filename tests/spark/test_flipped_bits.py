"""A bit that turned over in a file is found; what is read is right or is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from lakehouse import store
from lakehouse.domains import tables as all_tables
from lakehouse.domains.cdr import contracts, names
from lakehouse.domains.cdr.contracts import BRONZE_EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.errors import LedgerError, StorageError
from lakehouse.kinds import arrow_schema
from lakehouse.names import FILE_CHECKSUMS, table_uri
from pyspark_jobs.cdr.verify import Verifier
from pyspark_jobs.delta.files import write_file
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.engine import readers
from tests.spark.sound_lake import DAYS, NOW, START


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
