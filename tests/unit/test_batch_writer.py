"""What a task of the ingest leaves: files that a commit makes rows of, once."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from lakehouse import store
from lakehouse.contracts import Contract
from lakehouse.domains.cdr import contracts
from lakehouse.domains.cdr.domain import OUTCOMES
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.delta import table_writer as rows_module
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.ingest import batch_writer
from pyspark_jobs.ingest.batch_writer import BatchWriter, Tally, WrittenFile, files_of
from pyspark_jobs.ingest.rules import Rules

NOW = datetime(2026, 6, 2, tzinfo=UTC)
BRONZE, QUARANTINE = contracts.BRONZE_OUTCOMES, contracts.QUARANTINE_OUTCOMES


@pytest.fixture
def lake(tmp_path: Path) -> str:
    settings = Settings(lake=LakeSettings(uri=str(tmp_path / "lake")))
    tables.create_missing(settings, BRONZE, QUARANTINE)
    return settings.lake_uri


def outcome(number: int) -> bytes:
    known = {"DP_MSISDN": f"4512{number:06d}", "date": "2026-05-01"}
    return json.dumps(known | {"PSEUDO_CHURNED": 1, "known_at": "2026-06-01"}).encode()


def write(lake: str, values: list[bytes]) -> list[WrittenFile]:
    count = len(values)
    wire = pl.DataFrame(
        {
            "key": pl.Series([b"k"] * count, dtype=pl.Binary),
            "value": pl.Series(values, dtype=pl.Binary),
            "partition": pl.Series([0] * count, dtype=pl.Int32),
            "offset": pl.Series(range(count), dtype=pl.Int64),
            "kafka_timestamp": pl.Series([NOW] * count, dtype=pl.Datetime("us", "UTC")),
        }
    )
    writer = BatchWriter(Rules(OUTCOMES, NOW), lake, {}, 4)
    batches = wire.to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches(max_chunksize=2)
    rows = [row for batch in writer.write(iter(batches)) for row in batch.to_pylist()]
    return [WrittenFile(**row) for row in rows]


def rows(lake: str, table: Contract) -> pl.DataFrame:
    return store.scan(table_uri(lake, table.name)).sort("offset").collect()


def test_each_message_is_in_one_file_and_nobody_reads_it_before_the_commit(lake: str) -> None:
    written = write(lake, [outcome(0), b"junk", outcome(2), outcome(3), b"[]"])
    assert Tally.of(written) == (3, 2, None)
    assert [one.samples for one in written if not one.good] == [
        "0:1 expected JSON, but got b'junk' (Expecting value: line 1 column 1 (char 0)); "
        "0:4 expected an object, but got []"
    ]
    assert rows(lake, BRONZE).is_empty()
    for table, good in ((BRONZE, True), (QUARANTINE, False)):
        DeltaTableWriter(lake, table, {}).append_files(files_of(written, good), "q", 4, NOW)
    assert rows(lake, BRONZE)["offset"].to_list() == [0, 2, 3]
    assert rows(lake, BRONZE)["date"].unique().to_list() == [date(2026, 5, 1)]
    assert rows(lake, QUARANTINE)["raw"].to_list() == [b"junk", b"[]"]


def test_a_batch_is_committed_once_whoever_writes_it_again(lake: str) -> None:
    first, again = write(lake, [outcome(0)]), write(lake, [outcome(0)])
    for written in (first, again):
        DeltaTableWriter(lake, BRONZE, {}).append_files(
            files_of(written, True), "q", 4, NOW, "noted"
        )
    assert rows(lake, BRONZE).height == 1
    assert DeltaTableWriter(lake, BRONZE, {}).last_note("userMetadata") == "noted"


def test_the_log_says_how_many_rows_a_file_has_and_between_which_keys(lake: str) -> None:
    written = write(lake, [outcome(7), outcome(8)])
    DeltaTableWriter(lake, BRONZE, {}).append_files(files_of(written, True), "q", 4, NOW)
    actions = DeltaTable(table_uri(lake, BRONZE.name)).get_add_actions(flatten=True)
    found = pa.table(actions).to_pylist()[0]
    assert (found["num_records"], found["min.offset"], found["max.offset"]) == (2, 0, 1)
    path = Path(table_uri(lake, BRONZE.name)) / found["path"]
    assert found["size_bytes"] == path.stat().st_size


def test_small_files_become_one_without_a_reader_taking_it_for_news(
    lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "COMPACT_EVERY", 3)
    table = DeltaTableWriter(lake, BRONZE, {})
    for batch in range(4):
        written = write(lake, [outcome(batch)])
        table.append_files(files_of(written, True), "q", batch, NOW, f"note {batch}")
    assert len(DeltaTable(table.uri).file_uris()) == 2
    assert rows(lake, BRONZE).height == 4
    entries = sorted((Path(table.uri) / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in entries[-2].read_text().splitlines()]
    assert [action["add"]["dataChange"] for action in actions if "add" in action] == [False]
    assert DeltaTableWriter(lake, BRONZE, {}).last_note("userMetadata") == "note 3"
    again = write(lake, [outcome(3)])
    DeltaTableWriter(lake, BRONZE, {}).append_files(files_of(again, True), "q", 3, NOW)
    assert rows(lake, BRONZE).height == 4


def test_a_batch_without_a_good_row_is_noted_too(lake: str) -> None:
    table = DeltaTableWriter(lake, BRONZE, {})
    table.append_files([], "q", 4, NOW)
    assert table.last_note("userMetadata") is None
    table.append_files([], "q", 4, NOW, "batch 4")
    assert table.last_note("userMetadata") == "batch 4"
    assert rows(lake, BRONZE).is_empty()


@pytest.mark.parametrize(("limit", "value"), [("MESSAGES_AT_ONCE", 3), ("BYTES_AT_ONCE", 200)])
def test_batches_that_are_put_together_keep_each_message_once(
    lake: str, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(batch_writer, limit, value)
    written = write(lake, [outcome(number) for number in range(9)])
    found = [pl.read_parquet(f"{table_uri(lake, BRONZE.name)}/{one.path}") for one in written]
    assert sorted(pl.concat(found)["offset"]) == list(range(9))


def test_a_batch_is_committed_although_another_writer_replaces_files_meanwhile(
    lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = DeltaTableWriter(lake, BRONZE, {})
    table.append_files(files_of(write(lake, [outcome(0)]), True), "q", 1, NOW)
    opened, looks = table._open, list[int]()

    def overtaken() -> DeltaTable:
        found = opened()
        looks.append(found.version())
        if len(looks) == 2:  # between the last look at the table and the commit
            DeltaTable(table.uri).delete("offset = 0")
        return found

    monkeypatch.setattr(table, "_open", overtaken)
    table.append_files(files_of(write(lake, [outcome(1)]), True), "q", 2, NOW)
    assert rows(lake, BRONZE)["DP_MSISDN"].to_list() == ["4512000001"]
    assert len(looks) > 2
