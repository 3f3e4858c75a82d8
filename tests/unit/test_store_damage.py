"""A file of a table that is cut short or gone is an error that names it, whoever reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from lakehouse import store
from lakehouse.clock import SystemClock
from lakehouse.errors import StorageError
from monitoring.poller import Cursor, Poller


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of three files."""
    uri = tmp_path / "table"
    for number in range(3):
        rows = pl.DataFrame({"number": range(number * 1000, number * 1000 + 1000)})
        feed = {"delta.enableChangeDataFeed": "true"}
        write_deltalake(str(uri), rows.to_arrow(), mode="append", configuration=feed)
    return uri


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def overwrite(file: Path) -> None:
    file.write_bytes(b"\0" * file.stat().st_size)


@pytest.mark.parametrize("damage", [cut, empty, overwrite, Path.unlink])
def test_the_damaged_file_is_named(table: Path, damage: Callable[[Path], None]) -> None:
    file = sorted(table.glob("*.parquet"))[1]
    damage(file)
    with pytest.raises(StorageError, match=file.name):
        store.collect(store.scan(str(table)).select(pl.col("number").sum()), str(table))


@pytest.mark.parametrize("damage", [cut, empty, overwrite])
def test_a_reader_of_changes_names_it_too(table: Path, damage: Callable[[Path], None]) -> None:
    file = sorted(table.glob("*.parquet"))[1]
    damage(file)
    with pytest.raises(StorageError, match=file.name):
        store.changes(str(table), -1)
    with pytest.raises(StorageError, match=file.name):
        store.touched(str(table), -1, "number")


def test_an_error_that_no_file_has_caused_stays_as_it_is(table: Path) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        store.collect(store.scan(str(table)).select("other"), str(table))


def test_partitions_of_odd_names_are_whole(tmp_path: Path) -> None:
    uri = str(tmp_path / "table")
    rows = pl.DataFrame({"part": ["x y", "a:b", "50%"], "number": [1, 2, 3]})
    write_deltalake(uri, rows.to_arrow(), partition_by=["part"])
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        store.collect(store.scan(uri).select("other"), uri)


def test_a_poller_outlives_a_damaged_file(table: Path, tmp_path: Path) -> None:
    cut(next(table.glob("*.parquet")))

    class Reading:
        def observe(self) -> None:
            """Nothing to take in."""

        def state(self) -> Cursor:
            return Cursor("t", 1, 1)

        def run(self) -> None:
            store.collect(store.scan(str(table)).select(pl.col("number").sum()), str(table))

    poller = Poller(Reading(), SystemClock(), 60.0, tmp_path / "cursor.json")
    assert not poller.step()
    stop = threading.Event()
    stop.set()
    poller.forever(stop)
    assert poller.failure is None


@pytest.mark.parametrize("read", [store.count, store.open_table, store.has_change_feed, store.scan])
def test_a_damaged_log_is_named_whoever_reads(table: Path, read: Callable[[str], object]) -> None:
    cut(table / "_delta_log" / "00000000000000000001.json")
    with pytest.raises(StorageError, match=rf"{table}/_delta_log: expected a log that can be read"):
        read(str(table))
