"""Delimited text in blocks: the fast way for plain lines says what the csv module says."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flaskapp.cdr.mappings import lines
from flaskapp.cdr.mappings.lines import LINE, TEXT, Block, Layout, read_blocks
from lakehouse.errors import SourceError

COLUMNS = ("x", "y", "z")
PARTS = st.sampled_from(["a", "1", ",", ",", " ", "é", "\n", "\r\n", "''"])
FIELDS = st.text(st.sampled_from(["a", "1", ",", " ", "é", "\n", '"', "'"]), max_size=5)
ONCE = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def blocks(path: Path, text: str, required: tuple[str, ...], size: int) -> list[Block]:
    path.write_bytes(text.encode())
    return list(read_blocks(path, Layout(",", required), size))


def fit(row: list[str]) -> list[str] | None:
    is_good = len(row) >= 3 and not any(field.strip() for field in row[3:])
    return row[:3] if is_good else None


@given(st.lists(PARTS, max_size=60), st.sampled_from([3, 50]))
@ONCE
def test_plain_lines_are_those_of_the_csv_module(
    tmp_path: Path, parts: list[str], size: int
) -> None:
    text = "x,y,z\n" + "".join(parts)
    reader = csv.reader(io.StringIO(text, newline=""))
    next(reader)
    expected = [(reader.line_num, row) for row in reader if row]
    found = blocks(tmp_path / "some.csv", text, COLUMNS, size)
    rows = [row for block in found for row in block.rows.select(LINE, *COLUMNS).rows()]
    assert rows == [(number, *fit(row)) for number, row in expected if fit(row)]  # type: ignore[misc]
    broken = [number for block in found for number in block.broken[LINE]]
    assert broken == [number for number, row in expected if not fit(row)]


@given(st.lists(st.tuples(FIELDS, FIELDS, FIELDS), max_size=20), st.sampled_from([2, 50]))
@ONCE
def test_what_a_csv_writer_has_written_is_read_back(
    tmp_path: Path, rows: list[tuple[str, str, str]], size: int
) -> None:
    """With line breaks in a column that is not read, and commas and quotes in all.

    A line that would be a record by itself is taken for one, so a broken note has no commas here.
    """
    rows = [
        (x.replace("\n", ""), y.replace("\n", ""), f"{z.replace(',', '') if chr(10) in z else z}.")
        for x, y, z in rows
    ]
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *rows])
    found = blocks(tmp_path / "some.csv", text.getvalue(), ("x", "y"), size)
    assert [row for block in found for row in block.rows.select("x", "y").rows()] == [
        (x, y) for x, y, _ in rows
    ]
    assert sum(block.broken.height for block in found) == 0


@pytest.mark.parametrize("quoted", ['"a,b",2,3', '2,3,"a\nb"'])
def test_numbers_go_on_after_the_first_quote(tmp_path: Path, quoted: str) -> None:
    text = f"x,y,z\n1,2,3\n4,5,6\n7,8,9\n{quoted}\n10,11,12\n"
    rows = [
        row
        for block in blocks(tmp_path / "some.csv", text, ("x",), 2)
        for row in block.rows.select("x", LINE, TEXT).rows()
    ]
    assert [row[0] for row in rows] == ["1", "4", "7", next(csv.reader([quoted]))[0], "10"]
    assert [row[1] for row in rows] == [2, 3, 4, 5, 6 + quoted.count("\n")]
    assert [row[2] for row in rows[2:]] == ["7,8,9", quoted, "10,11,12"]


@pytest.mark.parametrize("row", ["1,2,3", '1,2,"3"'])
def test_a_line_that_no_block_has_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    def losing(*arguments: Any) -> Block:
        whole = real(*arguments)
        return Block(whole.rows.head(1), whole.broken)

    name = "_parsed" if '"' in row else "_plain"
    real = getattr(lines, name)
    monkeypatch.setattr(lines, name, losing)
    with pytest.raises(SourceError, match="3 lines accounted for, but got 2"):
        blocks(tmp_path / "some.csv", f"x,y,z\n{row}\n{row}\n", ("x",), 50)
