"""Operators' files: read by a mapping, typed, split by day, or rejected with a reason."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from flaskapp.cdr import mappings
from flaskapp.cdr.mappings.fields import Options
from flaskapp.cdr.mappings.reading import read
from flaskapp.cdr.mappings.spec import Mapping
from lakehouse.domains.cdr.contracts import MEASURE_NAMES
from lakehouse.errors import SourceError
from lakehouse.settings import ROOT

NOW = datetime(2026, 11, 20, tzinfo=UTC)
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
        block
        for file, spec in made.assign((path,))
        for block in read(file, spec, Options(NOW, timezone))
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
        (3, "the date fits no format"),
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
        (5, "the duration is not a number or more than seven days"),
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
    assert sum(block.events.height for block in read(whole, spec, Options(NOW))) == 1_000
    with pytest.raises(SourceError, match=r"cut\.csv\.gz: expected a readable file"):
        list(read(cut, spec, Options(NOW)))


def test_a_missing_column_is_named_with_the_closest_one(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a column 'seconds'.*did you mean 'second'"):
        parsed(tmp_path, "start,a,b,second\n", mapping(calls=CALLS))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "fax"}, "kind"),
        ({"surprise": 1}, "surprise"),
        ({"duration": None}, "either duration or end, for these are calls"),
        ({"to": None}, "from and to, for these are calls or texts"),
        ({"time": {"columns": ["start"]}}, "either formats or an origin"),
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
