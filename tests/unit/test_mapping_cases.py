"""Files as people send them, each with its right answer: no line is lost, and none is misread."""

from __future__ import annotations

import gzip
import os
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from flaskapp.cdr import mappings
from flaskapp.cdr.mappings import reading
from flaskapp.cdr.mappings.fields import Options
from flaskapp.cdr.mappings.lines import read_blocks
from flaskapp.cdr.mappings.reading import read
from flaskapp.cdr.mappings.spec import Mapping
from lakehouse.domains.cdr.contracts import MEASURE_NAMES
from lakehouse.errors import SourceError
from lakehouse.settings import ROOT

CASES = Path(os.environ.get("CASES_DIR", ROOT.parent / "shared" / "cases"))
NOW = datetime(2026, 11, 28, tzinfo=UTC)
HEADER = "id,DP_DATE,DP_MSISDN," + ",".join(MEASURE_NAMES) + ",PSEUDO_CHURNED"
STRAY = "a quote is opened and not closed within the record"


@dataclass(frozen=True)
class Answer:
    """Lines loaded, the reason of each rejected line of the file, and what else is to be seen."""

    accepted: int
    rejected: dict[int, str]
    seconds: tuple[float, ...] = ()
    moments: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    timezone: str = "UTC"


ALL_20 = Answer(20, {})
ANSWERS = {
    "end_times": Answer(
        1,
        {
            3: "the end is before the start",
            4: "the end is missing",
            5: "the end fits no format",
            6: "the duration is not a number or more than seven days",
        },
        seconds=(60,),
    ),
    "clock_change": Answer(
        5,
        {3: "the date is in an hour that the clocks of Europe/Copenhagen skip"},
        seconds=(1_200, 1_200, 8_400, 1_800, 1_800, 1_800, 81_000),  # two are cut at midnight
        timezone="Europe/Copenhagen",
    ),
    "iso_offset": Answer(
        4, {}, moments=("08-25 17:54:06", "08-25 18:24:06", "08-25 17:54:06", "08-25 15:54:06")
    ),
    "number_forms": Answer(
        6,
        {7: "a spreadsheet has cut the digits of a subscriber number"},
        numbers=(
            *("7000000821", "7000094494", "02220002819", "917000000001", "917000000002"),
            *("447000000001", "447000000002"),
        ),
    ),
    "two_stray_quotes": Answer(58, {11: STRAY, 41: STRAY}),
    "one_stray_quote": Answer(59, {31: STRAY}),
    "trailing_comma": ALL_20,
    "sep_line": ALL_20,
    "compressed_named_csv": ALL_20,
    "utf16": ALL_20,
    "iso_rawdata": Answer(
        4, {6: "the date fits no format"}, moments=(*["02-01 10:00:00"] * 3, "02-01 00:00:00")
    ),
    "day": Answer(5, {}),
    "day_sent_again": Answer(6, {}),  # what is there already is a matter of the database
}


def converted(path: Path, mapping: Mapping, timezone: str) -> tuple[pl.DataFrame, int, Any]:
    """Usage, accepted lines, and rejected ones with their reasons."""
    (spec,) = mapping.files.values()
    found = list(read(path, spec, Options(NOW, timezone)))
    rejects = pl.concat([one.rejects for one in found])
    accepted = sum(one.accepted for one in found)
    return pl.concat([one.events for one in found]), accepted, dict(rejects[:, 1:3].rows())


def started(events: pl.DataFrame) -> pl.DataFrame:
    """The rows of those who called, or sent their usage."""
    return events.filter(pl.col("DP_MOC_COUNT") + pl.col("DP_MOC_DURATION") > 0)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_each_shared_case_has_its_stated_answer(name: str) -> None:
    path, answer = CASES / f"{name}.csv", ANSWERS[name]
    if not path.exists():
        pytest.skip(f"no {path.name}; CASES_DIR names the folder of shared cases")
    described = yaml.safe_load((CASES / "mappings.yaml").read_text(encoding="utf-8"))
    mapping = Mapping.model_validate(described[name]) if name in described else None
    events, accepted, rejected = converted(
        path, mapping or mappings.load("rawdata"), answer.timezone
    )
    assert (accepted, rejected) == (answer.accepted, answer.rejected)
    if answer.seconds:
        assert sorted(started(events)["DP_MOC_DURATION"]) == sorted(answer.seconds)
    if answer.moments:
        moments = started(events)["DP_DATE"].dt.strftime("%m-%d %H:%M:%S").to_list()
        assert sorted(moments) == sorted(answer.moments)
    if answer.numbers:
        assert set(events["DP_MSISDN"]) == set(answer.numbers)


def test_every_shared_case_is_in_the_table() -> None:
    if not CASES.exists():
        pytest.skip("CASES_DIR names the folder of shared cases")
    assert {path.stem for path in CASES.glob("*.csv")} == set(ANSWERS)


GOOD = "1,2026-02-02 10:00:00,99945000001,1,61,0,0,0,0,2,6.5,"
TWENTY = "\n".join([HEADER, *[GOOD] * 20]) + "\n"


def test_a_moment_of_usage_may_be_written_in_four_ways(tmp_path: Path) -> None:
    day = "2026-02-02"
    ways = (f"{day}T10:00:00Z", f"{day}T12:00:00+02:00", f"{day} 10:00", day)
    wrong = ("2026-02-30", f"{day} 25:00", "02/02/2026", "")
    lines = [GOOD.replace(f"{day} 10:00:00", way) for way in (*ways, *wrong)]
    path = written(tmp_path / "ways.csv", "\n".join([HEADER, *lines]).encode())
    events, accepted, rejected = converted(path, mappings.load("rawdata"), "America/New_York")
    moments = [moment.strftime("%d %H:%M") for moment in events["DP_DATE"]]
    assert moments == ["02 10:00", "02 10:00", "02 10:00", "02 00:00"], "the file's zone is UTC"
    assert (accepted, sorted(rejected)) == (4, [6, 7, 8, 9])
    assert set(rejected.values()) <= {"the date fits no format", "the date is missing"}


@pytest.mark.parametrize("number", ["9" * 200_000, f'"{"9" * 200_000}"', '"' + "9" * 200_000])
def test_a_field_without_an_end_costs_its_own_line_only(tmp_path: Path, number: str) -> None:
    """The csv module gives up at fields of 128 KiB, and with it once the whole file."""
    lines = [HEADER, *[GOOD] * 20, GOOD.replace("99945000001", number), *[GOOD] * 20]
    accepted, rejected = loaded(written(tmp_path / "long.csv", "\n".join(lines).encode()))
    assert (accepted, list(rejected)) == (40, [22])


def packed(path: Path, *members: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/._a.csv", b"\0")
        for member in members:
            archive.writestr(member, TWENTY)
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def loaded(path: Path) -> tuple[int, Any]:
    _, accepted, rejected = converted(path, mappings.load("rawdata"), "UTC")
    return accepted, rejected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("named.csv", gzip.compress(TWENTY.encode())),
        ("capitals.CSV.GZ", gzip.compress(TWENTY.encode())),
        ("wide.csv", TWENTY.encode("utf-16")),
        ("wide_be.csv", b"\xfe\xff" + TWENTY.encode("utf-16-be")),
        ("widest.csv", TWENTY.encode("utf-32")),
        ("marked.csv", TWENTY.encode("utf-8-sig")),
        ("wide.gz", gzip.compress(TWENTY.encode("utf-16"))),
        ("sep.csv", b"sep=,\r\n" + TWENTY.encode()),
        ("quoted_sep.csv", b'"sep=;"\n' + TWENTY.replace(",", ";").encode()),
        ("trailing.csv", TWENTY.replace("6.5,", "6.5,, ,").encode()),
        ("trailing_header.csv", TWENTY.replace("HURNED", "HURNED,, ,").encode()),
        ("quoted.csv", TWENTY.replace("99945000001", '"99945000001"').encode()),
        ("blank_lines.csv", TWENTY.replace("\n", "\r\n\r\n").encode()),
    ],
)  # fmt: skip
def test_a_file_is_known_by_what_it_holds(tmp_path: Path, name: str, content: bytes) -> None:
    assert loaded(written(tmp_path / name, content)) == (20, {})


def test_an_archive_is_read_where_it_holds_one_file(tmp_path: Path) -> None:
    assert loaded(packed(tmp_path / "one.csv", "a.csv")) == (20, {})
    with pytest.raises(SourceError, match="an archive of one file, but got one of 2"):
        loaded(packed(tmp_path / "two.zip", "a.csv", "b.csv"))
    with pytest.raises(SourceError, match="an Excel workbook; save it as CSV"):
        loaded(packed(tmp_path / "book.xlsx", "[Content_Types].xml", "xl/workbook.xml"))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (TWENTY.encode("utf-16-le"), "iconv -f UTF-16"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"PK\x03\x04 and no archive", "a readable file"),
        (b"", "a column 'DP_DATE', but got none"),
        (gzip.compress(TWENTY.encode())[:-20], "a readable file"),
        (b'id,"DP_DATE\n', "one with a stray quote"),
        (HEADER.replace("id", "DP_DATE").encode(), "one column 'DP_DATE', but got several"),
    ],
)
def test_what_is_no_such_file_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    with pytest.raises(SourceError, match=problem) as caught:
        loaded(written(tmp_path / "some.csv", content))
    assert "\\x" not in str(caught.value)


WITH_NOTE = HEADER + ",note"


@pytest.mark.parametrize(
    ("lines", "accepted", "rejected"),
    [
        # Two stray quotes, lines apart and in neighbouring lines, swallow nothing.
        ([f'"{GOOD},a', f"{GOOD},b", f'"{GOOD},c'], 1, {2: STRAY, 4: STRAY}),
        ([f'"{GOOD},a', f'{GOOD[:-1]}",,b', f"{GOOD},c"], 1,
         {2: STRAY, 3: "DP_DATA_VOLUME is not a number"}),
        ([f'{GOOD},"a', f"{GOOD},b"], 1, {2: STRAY}),
        ([f"{GOOD},a", f'{GOOD},"b'], 1, {3: STRAY}),
        ([f'{GOOD},"a', f"{GOOD},b", f'{GOOD},c"'], 2, {2: STRAY}),
        ([f'{GOOD},"a', f'{GOOD},c"'], 1, {2: STRAY}),
        # A note with line breaks is a note; a line break in what is read is none.
        ([f'{GOOD},"a\nb"', f"{GOOD},c"], 2, {}),
        ([f'{GOOD},"a\n\nb, ""c"""', f"{GOOD},c"], 2, {}),
        ([GOOD.replace("99945000001", '"99945\n000001"') + ",a", f"{GOOD},c"], 1,
         {2: STRAY, 3: "the number of fields differs from the header"}),
        ([f'{GOOD},"' + "a\n" * 60 + '"', f"{GOOD},c"], 1, None),
        ([f"{GOOD},5\" tall", f"{GOOD},c"], 2, {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [2, 50_000])
def test_a_stray_quote_costs_its_own_line_only(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[str],
    accepted: int,
    rejected: dict[int, str] | None,
    size: int,
) -> None:
    monkeypatch.setattr(reading, "read_blocks", partial(read_blocks, size=size))
    content = "\n".join([WITH_NOTE, *lines]).encode()
    found, reasons = loaded(written(tmp_path / "some.csv", content))
    assert found == accepted
    if rejected is not None:
        assert reasons == rejected
