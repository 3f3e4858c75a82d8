"""Exact counts in bounded memory: rows that spill to disk, and offsets window by window."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lakehouse import offsets, store
from lakehouse.distinct import DistinctHashes, hashes
from lakehouse.errors import StorageError
from lakehouse.offsets import Places


@pytest.mark.parametrize("limit", [10, 1_000, 10**6])
def test_distinct_rows_are_counted_the_same_in_memory_and_on_disk(limit: int) -> None:
    rows = pl.DataFrame({"a": [n % 700 for n in range(5_000)], "b": ["x", "y"] * 2_500})
    with DistinctHashes(limit) as found:
        for batch in rows.iter_slices(90):
            found.add(pl.DataFrame(hashes(batch)))
        assert found.count() == rows.unique().height
        assert found.count() == rows.unique().height


def test_equal_first_columns_meet_in_the_same_part() -> None:
    with DistinctHashes(10) as found:
        for row in range(100):
            ids = pl.DataFrame({"id": [f"e{n}" for n in range(50)]})
            found.add(
                pl.DataFrame([hashes(ids, "id"), pl.Series("row", [row % 3] * 50).cast(pl.UInt64)])
            )
        parts = [part.group_by("id").len() for part in found.parts()]
        assert sum(part.height for part in parts) == 50
        assert all((part["len"] == 3).all() for part in parts)


def places(*held: tuple[int, int]) -> Places:
    schema = {"partition": pl.Int32, "offset": pl.Int64}
    return Places("t", pl.LazyFrame(list(held), schema=schema, orient="row"))


@pytest.mark.parametrize("window", [2, 3, 1 << 20])
def test_gaps_are_found_across_windows(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offsets, "WINDOW", window)
    bronze = places((0, 0), (0, 1), (0, 5), (1, 1), (2, 100))
    quarantine = places((0, 1), (0, 6))
    found = offsets.examine([bronze, quarantine], {0: (0, 9), 1: (1, 2), 3: (4, 6)})
    assert found.count == 6
    assert found.gaps == {0: ((2, 5), (7, 9)), 1: (), 3: ((4, 6),)}
    lacking = [n for n in range(10) if found.lacks(0, n)]
    assert lacking == [2, 3, 4, 7, 8]
    assert found.stretches() == {0: [(2, 9)], 1: [], 3: [(4, 6)]}


def test_what_expired_before_it_was_looked_for_is_no_gap() -> None:
    found = offsets.examine([places((0, 0), (0, 7))], {0: (5, 8)})
    assert (found.count, found.gaps) == (2, {0: ((5, 7),)})


def test_a_topic_that_nothing_was_read_of_is_one_gap() -> None:
    found = offsets.examine([], {0: (0, 4), 1: (3, 3)})
    assert (found.count, found.gaps) == (0, {0: ((0, 4),), 1: ()})


def test_a_damaged_file_is_an_error_that_names_the_table(tmp_path: Path) -> None:
    uri = str(tmp_path / "t")
    pl.DataFrame({"a": list(range(1000))}).write_delta(uri)
    (file,) = (path for path in (tmp_path / "t").glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:200])
    for ask in (
        lambda: store.count(uri),
        lambda: store.collect(store.scan(uri), uri),
        lambda: store.visit(store.scan(uri), uri, lambda _: None),
    ):
        with pytest.raises(StorageError, match=f"{uri}: .* got {file.name}"):
            ask()
