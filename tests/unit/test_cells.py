"""Files replaced in a table, also while others compact it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from bench.commit_race import KEY, NOW, RACED, Race
from lakehouse import store
from lakehouse.kinds import polars_schema
from lakehouse.settings import Settings
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.cells import PATH, Cells, Replacement
from pyspark_jobs.delta.table_writer import DeltaTableWriter, OvertakenError

DAY = date(2026, 1, 1)


def rows(*who: str, count: int = 1, day: date = DAY) -> pl.DataFrame:
    frame = pl.DataFrame({"day": [day] * len(who), "who": who, "count": count, "bucket": 0})
    return frame.cast(polars_schema(RACED))  # type: ignore[arg-type]


def put(cells: Cells, changed: pl.DataFrame) -> Replacement:
    return cells.put(changed, cells.read().select(*KEY, PATH).collect())


@pytest.fixture
def writer(tmp_path: Path) -> DeltaTableWriter:
    """A table with two files in one cell, of a, b and of c, d."""
    settings = Settings(lake=LakeSettings(uri=str(tmp_path / "lake")))
    tables.create_missing(settings, RACED)
    table = DeltaTableWriter(settings.lake_uri, RACED, {})
    for some in (rows("a", "b"), rows("c", "d")):
        cells = table.cells()
        table.replace_files(put(cells, some), cells, NOW)
    return table


def counts(writer: DeltaTableWriter) -> dict[str, int]:
    found = store.scan(writer.uri).sort("who").collect()
    assert found["who"].is_duplicated().sum() == 0
    return dict(found.select("who", "count").iter_rows())


def test_only_files_with_a_replaced_row_are_rewritten(writer: DeltaTableWriter) -> None:
    before, cells = set(DeltaTable(writer.uri).file_uris()), writer.cells()
    change = put(cells, rows("b", "e", count=5))
    assert (len(change.added), len(change.removed), change.rows) == (1, 1, 3)
    writer.replace_files(change, cells, NOW)
    assert counts(writer) == {"a": 1, "b": 5, "c": 1, "d": 1, "e": 5}
    assert len(before & set(DeltaTable(writer.uri).file_uris())) == 1


def test_a_replacement_made_before_a_compaction_is_refused(writer: DeltaTableWriter) -> None:
    cells = writer.cells()
    change = put(cells, rows("b", count=5))
    DeltaTable(writer.uri).optimize.compact()
    with pytest.raises(OvertakenError, match="1 files have been rewritten"):
        writer.replace_files(change, cells, NOW)
    assert counts(writer) == dict.fromkeys("abcd", 1)


def test_new_rows_pass_a_compaction_and_are_refused_when_another_added_them(
    writer: DeltaTableWriter,
) -> None:
    cells = writer.cells()
    ours, same = put(cells, rows("e")), put(cells, rows("f", "g"))
    DeltaTable(writer.uri).optimize.compact()
    writer.replace_files(ours, cells, NOW)
    later = writer.cells()
    writer.replace_files(put(later, rows("g", "h")), later, NOW)
    with pytest.raises(OvertakenError, match="1 cells have got rows"):
        writer.replace_files(same, cells, NOW)
    assert counts(writer) == dict.fromkeys("abcdegh", 1)


def test_a_commit_to_another_cell_is_no_reason_to_refuse(writer: DeltaTableWriter) -> None:
    cells = writer.cells()
    change = put(cells, rows("b", count=5))
    elsewhere = put(cells, rows("z", day=date(2026, 1, 2)))
    writer.replace_files(elsewhere, cells, NOW)
    writer.replace_files(change, cells, NOW)
    assert counts(writer)["b"] == 5


def test_a_commit_between_the_check_and_ours_is_noticed(
    writer: DeltaTableWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = writer.cells()
    change = put(cells, rows("b", count=5))
    check = DeltaTableWriter._refuse_if_overtaken

    def then_compact(self: DeltaTableWriter, *rest: object) -> None:
        check(self, *rest)  # type: ignore[arg-type]
        DeltaTable(self.uri).optimize.compact()

    monkeypatch.setattr(DeltaTableWriter, "_refuse_if_overtaken", then_compact)
    with pytest.raises(OvertakenError):
        writer.replace_files(change, cells, NOW)
    assert counts(writer) == dict.fromkeys("abcd", 1)


def test_optimize_and_vacuum_race_a_hundred_commits_and_no_row_is_doubled(tmp_path: Path) -> None:
    race = Race(tmp_path)
    race.run(100)
    assert race.maintained > 0
