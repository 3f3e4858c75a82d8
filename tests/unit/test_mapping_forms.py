"""What a mapping can say: signs of numbers, forms of durations, counted times, ids, parties."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flaskapp.cdr.mappings import reading
from flaskapp.cdr.mappings.fields import Options
from flaskapp.cdr.mappings.msisdn import CUT, NO_SUBSCRIBER, numbers
from flaskapp.cdr.mappings.reading import read
from flaskapp.cdr.mappings.spec import Mapping, NumberSpec
from lakehouse.errors import SourceError
from tests.unit.calls_mapping import CALLS, LOCAL

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OPTIONS = Options(NOW)
KEY = b"a secret of some length"
A, B = "49171000001", "49171000002"
HEADER = "start;a;b;seconds"
MORNING = "2026-01-31 10:00:00"


def converted(
    tmp_path: Path, lines: list[str], options: Options = OPTIONS, **more: Any
) -> tuple[pl.DataFrame, dict[int, str]]:
    """Usage of a file of calls, and the reasons of its rejected lines."""
    (spec,) = Mapping.model_validate(
        {"description": "a test's", "files": {"calls": CALLS | more}}
    ).files.values()
    path = tmp_path / "calls.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = list(read(path, spec, options))
    rejects = pl.concat([one.rejects for one in found])
    return pl.concat([one.events for one in found]), dict(rejects[:, 1:3].rows())


def of(events: pl.DataFrame, number: str, column: str) -> list[float]:
    return events.filter(DP_MSISDN=number)[column].to_list()


@pytest.mark.parametrize(
    ("written", "signs", "seconds"),
    [
        ("1.000", {}, 1.0),
        ("1.000", {"decimal": ",", "thousands": "."}, 1_000.0),
        ("1.234.567,5", {"decimal": ",", "thousands": "."}, None),  # more than seven days
        ("12.345,5", {"decimal": ",", "thousands": "."}, 12_345.5),
        ("12,5", {"decimal": ","}, 12.5),
        ("1,234.5", {"thousands": ","}, 1_234.5),
        ("1 234", {"thousands": " "}, 1_234.0),
        ("1\u202f234", {"thousands": " "}, 1_234.0),
        ("1'234.5", {"thousands": "'"}, 1_234.5),
        ("1e2", {}, 100.0),
        ("12.34", {"decimal": ",", "thousands": "'"}, None),
    ],
)
def test_numbers_are_read_by_the_signs_of_the_file(
    tmp_path: Path, written: str, signs: dict[str, Any], seconds: float | None
) -> None:
    lines = [HEADER, f"{MORNING};{A};{B};5", f"{MORNING};{A};{B};{written}"]
    if signs.get("thousands") == "'" and seconds is None:
        with pytest.raises(SourceError, match="other signs"):
            converted(tmp_path, lines, **signs)
        return
    events, rejected = converted(tmp_path, lines, **signs)
    found = of(events, A, "DP_MOC_DURATION")[1:]
    assert found == ([] if seconds is None else [seconds])
    assert set(rejected) == (set() if seconds is not None else {3})


@pytest.mark.parametrize(
    ("written", "signs"),
    [("1,5", {}), ("1,000", {}), ("1,234.5", {}), ("1.5", {"decimal": ",", "thousands": "."})],
)
def test_a_column_that_mixes_signs_is_refused(
    tmp_path: Path, written: str, signs: dict[str, Any]
) -> None:
    """Its `1.000` may be a thousand or one."""
    lines = [HEADER, f"{MORNING};{A};{B};1000", f"{MORNING};{A};{B};{written}"]
    with pytest.raises(SourceError, match=r"Line 3, column 'seconds'.*other signs"):
        converted(tmp_path, lines, **signs)


@pytest.mark.parametrize(
    ("form", "written", "seconds"),
    [
        ("hh:mm:ss", "01:02:03", 3_723.0),
        ("hh:mm:ss", "0:00:03.25", 3.25),
        ("hh:mm:ss", "02:03", None),
        ("hh:mm:ss", "00:61:00", None),
        ("mm:ss", "62:03", 3_723.0),
        ("mm:ss", "00:62:03", None),
        ("units", "PT1H2M3S", 3_723.0),
        ("units", "1h 2m 3s", 3_723.0),
        ("units", "90 sec", 90.0),
        ("units", "2 min", 120.0),
        ("units", "90", None),
        ("units", "PT", None),
    ],
)
def test_a_duration_may_be_text(
    tmp_path: Path, form: str, written: str, seconds: float | None
) -> None:
    lines = [HEADER, f"{MORNING};{A};{B};{written}"]
    events, rejected = converted(tmp_path, lines, duration={"column": "seconds", "form": form})
    assert of(events, A, "DP_MOC_DURATION") == ([] if seconds is None else [seconds])
    assert len(rejected) == (seconds is None)


def test_a_file_may_have_no_header(tmp_path: Path) -> None:
    events, _ = converted(
        tmp_path, [f"{MORNING};{A};{B};7", f"{MORNING};{A};{B};8"], header=HEADER.split(";")
    )
    assert of(events, A, "DP_MOC_DURATION") == [7.0, 8.0]


@pytest.mark.parametrize(
    ("written", "time", "moment"),
    [
        ("1769853600500", {"origin": "1970-01-01", "unit": "ms"}, "01-31 10:00:00.500"),
        ("1769853600", {"origin": "1970-01-01"}, "01-31 10:00:00.000"),
        ("1769853600000000", {"origin": "1970-01-01", "unit": "us"}, "01-31 10:00:00.000"),
        # Two days after a local midnight are 48 hours, over a change of the clocks too.
        ("172800", {"origin": "2026-03-28", "zone": "Europe/Copenhagen"}, "03-29 23:00:00.000"),
        ("3600", {"origin": "2026-03-28T00:00:00+05:00"}, "03-27 20:00:00.000"),
        ("9e17", {"origin": "1970-01-01"}, None),
        ("-9e300", {"origin": "1970-01-01"}, None),
        ("nan", {"origin": "1970-01-01"}, None),
        ("", {"origin": "1970-01-01"}, None),
    ],
)
def test_a_moment_may_be_counted(
    tmp_path: Path, written: str, time: dict[str, str], moment: str | None
) -> None:
    lines = [HEADER, f"{written};{A};{B};7"]
    events, rejected = converted(tmp_path, lines, time={"columns": ["start"], **time})
    found = events["DP_DATE"].dt.strftime("%m-%d %H:%M:%S%.3f").unique().to_list()
    assert found == ([] if moment is None else [moment])
    assert len(rejected) == (moment is None)


@pytest.mark.parametrize(
    "written", ["999999-01-01 00:00:00", "0001-01-01 00:00:00", "+262000-01-01 00:00:00"]
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Copenhagen", "America/New_York"])
def test_a_moment_at_the_edge_is_a_rejected_line(tmp_path: Path, written: str, zone: str) -> None:
    lines = [HEADER, f"{written};{A};{B};7", f"{MORNING};{A};{B};7"]
    events, rejected = converted(tmp_path, lines, Options(NOW, zone), time=LOCAL | {"zone": zone})
    assert (events.height, set(rejected)) == (2, {2})


def test_a_day_without_a_midnight_begins_with_its_first_moment(tmp_path: Path) -> None:
    """In Santiago the clocks went from 00:00 to 01:00 on 6 September 2026."""
    zone = "America/Santiago"
    lines = [HEADER, f"2026-09-05 23:30:00;{A};{B};7200"]
    events, _ = converted(tmp_path, lines, Options(NOW, zone), time=LOCAL | {"zone": zone})
    assert of(events, A, "DP_MOC_DURATION") == [1_800.0, 5_400.0]
    assert of(events, A, "DP_DATE") == [
        datetime(2026, 9, 6, h, m, tzinfo=UTC) for h, m in ((3, 30), (4, 0))
    ]


@pytest.mark.parametrize("nobody", ["", "withheld", "1818", "*100#", "BANK24", "-1"])
def test_an_end_that_is_no_subscriber_does_not_drop_the_other(tmp_path: Path, nobody: str) -> None:
    lines = [HEADER, f"{MORNING};{nobody};{B};7", f"{MORNING};{A};{nobody};8"]
    lines += [f"{MORNING};{nobody};{nobody};9", f"{MORNING};{nobody};{B};0"]
    events, rejected = converted(tmp_path, lines)
    assert of(events, B, "DP_MTC_DURATION") == [7.0]
    assert of(events, A, "DP_MOC_DURATION") == [8.0]
    assert events.height == 2
    assert rejected == {
        4: "neither end is a subscriber number of 8 to 15 digits",
        5: "the call was not answered and its caller is no subscriber",
    }


@pytest.mark.parametrize("damaged", ["4.47E+11", "4917100000149171"])
def test_a_number_that_was_one_rejects_the_line(tmp_path: Path, damaged: str) -> None:
    events, rejected = converted(tmp_path, [HEADER, f"{MORNING};{damaged};{B};7"])
    assert events.is_empty()
    assert rejected == {2: CUT if "E" in damaged else NO_SUBSCRIBER}


@pytest.mark.parametrize(("zero_is_unanswered", "rows"), [(True, 1), (False, 2)])
def test_whether_no_seconds_is_no_answer_is_said_by_the_mapping(
    tmp_path: Path, zero_is_unanswered: bool, rows: int
) -> None:
    lines = [HEADER, f"{MORNING};{A};{B};0"]
    events, _ = converted(tmp_path, lines, zero_is_unanswered=zero_is_unanswered)
    assert events.height == rows
    assert of(events, A, "DP_MOC_COUNT") == [1]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+44 (0)7000 000001", "447000000001"),
        ("00 44 7000-000001", "447000000001"),
        ("'447000000001", "447000000001"),
        ("06.12.34.56.00", "0612345600"),
        ("447000000001.00", "447000000001"),
        ("447000\u00a0000\u2011001", "447000000001"),
        ("007000000001", "7000000001"),
        ("-447000000001", None),
        ("44-70x0000001", None),
    ],
)
def test_a_number_has_one_form(written: str, number: str | None) -> None:
    rows = pl.DataFrame({"a": [written]})
    assert numbers(rows, NumberSpec(column="a"), None).number.to_list() == [number]


@pytest.mark.parametrize(
    ("written", "number"), [("7", "99945000007"), ("0012", "99945000012"), ("", None), ("-1", None)]
)
def test_small_numbers_are_filled_up(written: str, number: str | None) -> None:
    spec = NumberSpec(column="a", prefix="99945", digits=6)
    assert numbers(pl.DataFrame({"a": [written]}), spec, None).number.to_list() == [number]


def test_ids_become_stable_numbers_by_a_keyed_hash(tmp_path: Path) -> None:
    pseudonym = {"pseudonym": True, "prefix": "999"}
    ids: dict[str, Any] = {"from": pseudonym | {"column": "a"}, "to": pseudonym | {"column": "b"}}
    lines = [HEADER, f"{MORNING};user-a;b3f0;5", f"{MORNING};b3f0;user-a;6"]
    events, rejected = converted(tmp_path, lines, Options(NOW, key=KEY), **ids)
    (first, second) = sorted(set(events["DP_MSISDN"]))
    assert rejected == {}
    assert all(len(n) == 15 and n.startswith("999") for n in (first, second))
    assert events.height == 4
    again, _ = converted(tmp_path, lines, Options(NOW, key=KEY), **ids)
    other, _ = converted(tmp_path, lines, Options(NOW, key=b"another secret"), **ids)
    assert again.equals(events)
    assert not set(other["DP_MSISDN"]) & {first, second}
    with pytest.raises(SourceError, match="CDRLAKE_SOURCE__PSEUDONYM_KEY"):
        converted(tmp_path, lines, **ids)


def test_a_line_that_gets_lost_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = reading._convert

    def losing(rows: pl.DataFrame, *more: Any) -> Any:
        return real(rows.head(1), *more)

    monkeypatch.setattr(reading, "_convert", losing)
    lines = [HEADER, f"{MORNING};{A};{B};5", f"{MORNING};{A};{B};6"]
    with pytest.raises(SourceError, match="of 2 lines 1 were accepted and 0 rejected"):
        converted(tmp_path, lines)
