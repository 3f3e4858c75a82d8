"""Files as a source: staged block by block, walked by day, looked at before they are loaded."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flaskapp.cdr import loader, mappings
from flaskapp.cdr.mappings import reading
from flaskapp.cdr.mappings import source as staging
from flaskapp.cdr.mappings.lines import read_blocks
from flaskapp.cdr.mappings.reading import read
from lakehouse.clock import FixedClock
from lakehouse.domains.cdr.contracts import MEASURE_NAMES
from lakehouse.domains.settings import Settings
from lakehouse.errors import SourceError
from lakehouse.settings import ROOT

NOW = datetime(2026, 11, 20, tzinfo=UTC)
REAL = Path(os.environ.get("REAL_DATA_DIR", ROOT.parent / "shared" / "data"))
HEADER = "id,DP_DATE,DP_MSISDN," + ",".join(MEASURE_NAMES) + ",PSEUDO_CHURNED"


def staged(tmp_path: Path, *paths: Path, **source: Any) -> mappings.FileSource:
    values = {"state_dir": str(tmp_path / "state"), "source": source}
    settings = Settings.model_validate(values)
    return mappings.open_files(settings, paths, "copenhagen", FixedClock(NOW))


def test_siblings_are_found_and_days_are_walked_in_order_of_time(tmp_path: Path) -> None:
    calls, texts = tmp_path / "calls_a.csv", tmp_path / "sms_a.csv"
    calls.write_text("timestamp,from,to,duration\n86500,1,2,10\n50,1,2,10\n", encoding="utf-8")
    texts.write_text("timestamp,from,to\n40,3,1\n345600,1,3\n", encoding="utf-8")
    source = staged(tmp_path, calls, replay_days=2)
    assert (source.first, source.history_end, source.last) == (
        date(2026, 1, 5),
        date(2026, 1, 7),
        date(2026, 1, 9),
    )
    days = list(source.days(source.first, source.last))
    assert [day.events.height for day in days] == [4, 2, 0, 0, 2]
    assert days[0].events["DP_DATE"].is_sorted()
    assert days[0].subscribers["DP_MSISDN"].to_list() == [
        "99945000001",
        "99945000002",
        "99945000003",
    ]


def test_the_same_content_is_the_same_source_whatever_its_name(tmp_path: Path) -> None:
    for name in ("calls_a.csv", "calls_b.csv"):
        (tmp_path / name).write_text("timestamp,from,to,duration\n5,1,2,10\n", encoding="utf-8")
    first, second = (staged(tmp_path, tmp_path / f"calls_{n}.csv") for n in "ab")
    assert first == second
    (tmp_path / "calls_b.csv").write_text(
        "timestamp,from,to,duration\n6,1,2,10\n", encoding="utf-8"
    )
    assert staged(tmp_path, tmp_path / "calls_b.csv").name != first.name


def test_rejected_lines_are_listed_with_their_text(tmp_path: Path) -> None:
    calls = tmp_path / "calls.csv"
    calls.write_text("timestamp,from,to,duration\n5,1,2,10\nsoon,1,2,10\n", encoding="utf-8")
    source = staged(tmp_path, calls)
    assert source.rejected == 1
    reason = "the date fits no format"
    assert pl.read_csv(source.rejects).rows() == [("calls.csv", 3, reason, "soon,1,2,10")]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t"])
def test_what_a_spreadsheet_would_run_is_listed_as_text(tmp_path: Path, first: str) -> None:
    calls = tmp_path / "calls.csv"
    lines = ["timestamp,from,to,duration", "5,1,2,10", f"{first}cmd|' /C calc'!A0,1,2,10"]
    calls.write_text("\n".join(lines), encoding="utf-8")
    text = pl.read_csv(staged(tmp_path, calls).rejects)["text"].item()
    assert text == "'" + lines[2].replace("\t", "\\t")


def test_a_file_without_a_usable_line_is_refused(tmp_path: Path) -> None:
    calls = tmp_path / "calls.csv"
    calls.write_text("timestamp,from,to,duration\nsoon,1,2,10\n", encoding="utf-8")
    with pytest.raises(SourceError, match="a line of usage"):
        staged(tmp_path, calls)


def blocks_of_two(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Files come two lines at a time; how many blocks are held whenever another is asked for."""
    held: list[int] = []
    made: list[weakref.ref[pl.DataFrame]] = []
    monkeypatch.setattr(reading, "read_blocks", partial(read_blocks, size=2))

    def watched(*arguments: Any) -> Iterator[reading.Read]:
        for found in read(*arguments):
            made.extend([weakref.ref(found.events), weakref.ref(found.rejects)])
            yield found
            del found
            gc.collect()
            held.append(sum(one() is not None for one in made))

    for module in (staging, loader):
        monkeypatch.setattr(module, "read", watched)
    return held


def lines_of_calls(path: Path, days: int) -> None:
    """Two calls a day, by somebody new and by one who always calls, and a line that is none."""
    lines = ["timestamp,from,to,duration"]
    for day in range(days):
        lines += [f"{day * 86_400},{day + 10},1,10", f"{day * 86_400},1,2,10", "soon,1,2,10"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("few_rows", [1, 100_000])
def test_a_file_is_staged_block_by_block_and_nothing_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_rows: int
) -> None:
    monkeypatch.setattr(staging, "FEW_ROWS", few_rows)
    held = blocks_of_two(monkeypatch)
    lines_of_calls(tmp_path / "calls.csv", 20)
    found = staged(tmp_path, tmp_path / "calls.csv")
    assert len(held) == 30
    assert max(held) <= 2, "the block at hand only"
    rejected = pl.read_csv(found.rejects)
    assert rejected["line"].to_list() == [3 * day + 4 for day in range(20)]
    assert found.rejected == 20
    known = pl.read_parquet(found.folder / staging.SUBSCRIBERS)
    first = {row["DP_MSISDN"]: row["activated_on"] for row in known.iter_rows(named=True)}
    assert len(first) == 22
    assert sorted((day - found.first).days for day in first.values()) == [0, 0, *range(20)]


def test_a_preview_counts_everything_and_holds_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "PREVIEW_REJECTS", 3)
    held = blocks_of_two(monkeypatch)
    text = [HEADER]
    for day in range(1, 21):
        text += [f"{day},2026-01-{day:02} 10:00:00,49171000001,1,60,2,30,3,4,5,1,", "x"]
    (tmp_path / "RawData.csv").write_text("\n".join(text), encoding="utf-8")
    found = loader.preview_file(Settings(), (tmp_path / "RawData.csv",), "rawdata", FixedClock(NOW))
    assert max(held) <= 2
    assert (found.rows, found.first.height) == (20, loader.PREVIEW_ROWS)
    assert found.first["DP_DATE"].dt.day().to_list() == list(range(1, 11))
    assert (found.rejects.height, found.rejects.head(20)["line"].to_list()) == (20, [3, 5, 7])


def test_a_preview_of_an_empty_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "RawData.csv").write_text(HEADER + "\n", encoding="utf-8")
    found = loader.preview_file(Settings(), (tmp_path / "RawData.csv",), "rawdata", FixedClock(NOW))
    assert (found.rows, found.first.height, found.rejects.height) == (0, 0, 0)
    assert "DP_DATE" in found.first.columns


@pytest.mark.parametrize(
    ("name", "file", "rows", "first", "last"),
    [
        ("copenhagen", "copenhagen_cdr/calls_first70.csv", 40_035, "2026-01-05", "2026-01-24"),
        ("call_cdr_2014", "call_cdr_2014/cdr_first70.csv.gz", 58_651, "2013-12-30", "2014-02-06"),
    ],
)
def test_real_files_are_read_whole(
    tmp_path: Path, name: str, file: str, rows: int, first: str, last: str
) -> None:
    if not (REAL / file).exists():
        pytest.skip(f"no {file}; REAL_DATA_DIR names the folder of real data")
    settings = Settings.model_validate({"state_dir": str(tmp_path)})
    source = mappings.open_files(settings, (REAL / file,), name, FixedClock(NOW))
    days = list(source.days(source.first, source.last))
    assert (source.first.isoformat(), source.last.isoformat()) == (first, last)
    assert sum(day.events.height for day in days) == rows
    assert source.rejected == 0
