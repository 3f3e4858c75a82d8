"""Operators' files: read by a mapping, typed, split by day, or rejected with a reason."""

from __future__ import annotations

import gc
import gzip
import os
import weakref
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from flaskapp import loader, mappings
from flaskapp.mappings import reading
from flaskapp.mappings import source as staging
from flaskapp.mappings.lines import read_blocks
from flaskapp.mappings.reading import read
from flaskapp.mappings.spec import Mapping
from lakehouse.clock import FixedClock
from lakehouse.contracts import MEASURE_NAMES
from lakehouse.errors import SourceError
from lakehouse.settings import ROOT, Settings

NOW = datetime(2026, 11, 20, tzinfo=UTC)
REAL = Path(os.environ.get("REAL_DATA_DIR", ROOT.parent / "shared" / "data"))
HEADER = "id,DP_DATE,DP_MSISDN," + ",".join(MEASURE_NAMES) + ",PSEUDO_CHURNED"
CALLS = {
    "kind": "calls",
    "time": {"columns": ["start"], "formats": ["%Y-%m-%d %H:%M:%S"]},
    "from": {"column": "a"},
    "to": {"column": "b"},
    "duration": {"column": "seconds"},
}


def mapping(**files: Any) -> Mapping:
    return Mapping.model_validate({"description": "a test's", "files": files})


def parsed(
    tmp_path: Path, text: str, made: Mapping, timezone: str = "UTC"
) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Usage rows and rejected (line, reason) of a file with this text."""
    path = tmp_path / f"{next(iter(made.files))}.csv"
    path.write_text(text, encoding="utf-8")
    blocks = [
        block for file, spec in made.assign((path,)) for block in read(file, spec, NOW, timezone)
    ]
    rejects = pl.concat([block.rejects for block in blocks])
    return pl.concat([b.events for b in blocks]), rejects.select("line", "reason").rows()


def usage(events: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    time = pl.col("DP_DATE").dt.strftime("%m-%d %H:%M")
    return events.select(time, "DP_MSISDN", *columns).rows()


def test_rawdata_is_read_as_it_stands(tmp_path: Path) -> None:
    lines = [
        HEADER,
        "1,2026-01-31 10:00:00,49171000001,1,60.5,2,30,3,4,5,1e3,1",
        "2,2026-02-01,49171000002.0,1.0,,NaN,0,0,0,0,0.25,",
    ]
    events, rejects = parsed(tmp_path, "\n".join(lines), mappings.load("rawdata"))
    assert rejects == []
    assert usage(events, *MEASURE_NAMES, "PSEUDO_CHURNED") == [
        ("01-31 10:00", "49171000001", 1, 60.5, 2, 30.0, 3, 4, 5, 1000.0, 1),
        ("02-01 00:00", "49171000002", 1, 0.0, 0, 0.0, 0, 0, 0, 0.25, None),
    ]


def test_each_bad_line_is_rejected_with_its_number_and_reason(tmp_path: Path) -> None:
    good = "2026-01-31 10:00:00,49171000001,1,60,2,30,3,4,5,100,0"
    lines = [
        HEADER,
        f"1,{good}",
        f"2,{good.replace('2026-01-31', '2026-02-30')}",
        f"3,{good.replace('2026', '2027')}",
        f"4,{good.replace('49171000001', '4917')}",
        f"5,{good.replace(',60,', ',sixty,')}",
        f"6,{good.replace(',1,60', ',-1,60')}",
        f"7,{good.replace(',1,60', ',1.5,60')}",
        f"8,{good[:-1]}2",
        f"9,{good},surplus",
        "10,2026-01-31",
        f"11,{good}",
    ]
    events, rejects = parsed(tmp_path, "\n".join(lines), mappings.load("rawdata"))
    assert events.height == 2
    assert rejects == [
        (3, "the date is missing or fits no format"),
        (4, "the date is before 1990 or in the future"),
        (5, "a subscriber number is not 8 to 15 digits"),
        (6, "DP_MOC_DURATION is not a number"),
        (7, "DP_MOC_COUNT is not from 0 to 1000000"),
        (8, "DP_MOC_COUNT is not whole"),
        (9, "PSEUDO_CHURNED is neither 0 nor 1"),
        (10, "the number of fields differs from the header"),
        (11, "the number of fields differs from the header"),
    ]


def test_a_call_is_usage_of_both_parties(tmp_path: Path) -> None:
    text = "start,a,b,seconds\n2026-01-31 10:00:00,49171000001,49171000002,90\n"
    events, _ = parsed(tmp_path, text, mapping(calls=CALLS))
    columns = ("DP_MOC_COUNT", "DP_MOC_DURATION", "DP_MTC_COUNT", "DP_MTC_DURATION")
    assert usage(events, *columns) == [
        ("01-31 10:00", "49171000001", 1, 90.0, 0, 0.0),
        ("01-31 10:00", "49171000002", 0, 0.0, 1, 90.0),
    ]


def test_a_call_over_midnight_counts_once_and_its_seconds_fall_on_both_days(tmp_path: Path) -> None:
    text = "start,a,b,seconds\n2026-01-30 23:59:00,49171000001,49171000002,150\n"
    events, _ = parsed(tmp_path, text, mapping(calls=CALLS))
    caller = events.filter(DP_MSISDN="49171000001")
    assert usage(caller, "DP_MOC_COUNT", "DP_MOC_DURATION") == [
        ("01-30 23:59", "49171000001", 1, 60.0),
        ("01-31 00:00", "49171000001", 0, 90.0),
    ]


def test_the_day_that_splits_a_call_is_the_timezone_s(tmp_path: Path) -> None:
    text = "start,a,b,seconds\n2026-01-30 22:59:00,49171000001,49171000002,150\n"
    events, _ = parsed(tmp_path, text, mapping(calls=CALLS), timezone="Europe/Copenhagen")
    assert events.filter(DP_MSISDN="49171000001")["DP_MOC_DURATION"].to_list() == [60.0, 90.0]


def test_a_call_that_ends_at_midnight_leaves_nothing_for_the_next_day(tmp_path: Path) -> None:
    text = "start,a,b,seconds\n2026-01-30 23:59:00,49171000001,49171000002,60\n"
    events, _ = parsed(tmp_path, text, mapping(calls=CALLS))
    assert events.height == 2


def test_a_missed_call_is_activity_of_the_caller_only(tmp_path: Path) -> None:
    text = "start,a,b,seconds\n2026-01-30 12:00:00,49171000001,49171000002,-1\n"
    events, rejects = parsed(tmp_path, text, mapping(calls=CALLS))
    assert rejects == []
    assert usage(events, "DP_MOC_COUNT", "DP_MOC_DURATION") == [
        ("01-30 12:00", "49171000001", 1, 0.0)
    ]


def test_a_column_may_tell_calls_from_texts(tmp_path: Path) -> None:
    kind = {"column": "what", "calls": ["voice"], "texts": ["sms"]}
    lines = [
        "start,a,b,seconds,what",
        "2026-01-30 12:00:00,49171000001,49171000002,5,voice",
        "2026-01-30 12:01:00,49171000001,49171000002,,sms",
        "2026-01-30 12:02:00,49171000001,49171000002,5,fax",
        "2026-01-30 12:03:00,49171000001,49171000002,x,voice",
    ]
    events, rejects = parsed(tmp_path, "\n".join(lines), mapping(calls=CALLS | {"kind": kind}))
    sent = events.filter(DP_MSISDN="49171000001")
    assert sent.select("DP_MOC_COUNT", "DP_MOSMS_COUNT").rows() == [(1, 0), (0, 1)]
    assert rejects == [
        (4, "neither a call nor a text"),
        (5, "the duration is missing or more than seven days"),
    ]


def test_units_and_zones_become_those_of_the_contract(tmp_path: Path) -> None:
    spec = {
        "kind": "usage",
        "delimiter": ";",
        "time": {"columns": ["day", "hour"], "formats": ["%d.%m.%Y %H:%M"], "zone": "Asia/Tokyo"},
        "number": {"column": "n", "prefix": "8190", "digits": 6},
        "measures": {"DP_MOC_DURATION": {"column": "minutes", "factor": 60}},
    }
    text = "day;hour;n;minutes\n31.01.2026;8:30;42;1.5\n"
    events, _ = parsed(tmp_path, text, mapping(usage=spec))
    assert usage(events, "DP_MOC_DURATION") == [("01-30 23:30", "8190000042", 90.0)]


def test_a_gzipped_file_is_read_and_a_truncated_one_refused(tmp_path: Path) -> None:
    text = "start,a,b,seconds\n" + "2026-01-30 12:00:00,49171000001,49171000002,5\n" * 500
    (spec,) = mapping(calls=CALLS).files.values()
    whole, cut = tmp_path / "calls.csv.gz", tmp_path / "cut.csv.gz"
    whole.write_bytes(gzip.compress(text.encode()))
    cut.write_bytes(whole.read_bytes()[:-12])
    assert sum(block.events.height for block in read(whole, spec, NOW, "UTC")) == 1_000
    with pytest.raises(SourceError, match=r"cut\.csv\.gz: needed a readable file"):
        list(read(cut, spec, NOW, "UTC"))


def test_a_missing_column_is_named_with_the_closest_one(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a column 'seconds'.*did you mean 'second'"):
        parsed(tmp_path, "start,a,b,second\n", mapping(calls=CALLS))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "fax"}, "kind"),
        ({"surprise": 1}, "surprise"),
        ({"duration": None}, "calls need either duration or end"),
        ({"to": None}, "calls and texts need from and to"),
        ({"time": {"columns": ["start"]}}, "needs either formats or an origin"),
    ],
)
def test_a_wrong_mapping_is_refused_where_it_is_wrong(
    tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    values = {"description": "wrong", "files": {"calls": CALLS | change}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.raises(SourceError, match=problem):
        mappings.load("mine", tmp_path)


def test_an_unknown_mapping_is_refused_with_the_closest_known_one() -> None:
    with pytest.raises(SourceError, match="did you mean 'copenhagen'"):
        mappings.load("kopenhagen")


def test_every_shipped_mapping_loads() -> None:
    names = [path.stem for path in (ROOT / "conf" / "mappings").glob("*.yaml")]
    assert sorted(names) == ["call_cdr_2014", "copenhagen", "rawdata"]
    assert all(mappings.load(name).description for name in names)


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
    reason = "the date is missing or fits no format"
    assert pl.read_csv(source.rejects).rows() == [("calls.csv", 3, reason, "soon,1,2,10")]


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
        ("call_cdr_2014", "call_cdr_2014/cdr_first70.csv.gz", 58_858, "2013-12-30", "2014-02-06"),
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
