"""Delimited text in blocks: the fast way for plain lines says what the csv module says."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flaskapp.cdr.mappings.lines import LINE, read_blocks

PARTS = st.sampled_from(["a", "1", ",", ",", " ", "é", "\n", "\r\n", '"', "''"])


@given(st.lists(PARTS, max_size=60), st.sampled_from([3, 50]))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_blocks_are_the_lines_of_the_csv_module(
    tmp_path: Path, parts: list[str], size: int
) -> None:
    path = tmp_path / "some.csv"
    text = "x,y,z\n" + "".join(parts)
    path.write_bytes(text.encode())
    reader = csv.reader(io.StringIO(text, newline=""))
    next(reader)
    expected = [(reader.line_num, row) for row in reader if row]
    blocks = list(read_blocks(path, ",", ["x"], size))
    rows = [row for block in blocks for row in block.rows.select(LINE, "x", "y", "z").rows()]
    assert rows == [(number, *row) for number, row in expected if len(row) == 3]
    broken = [line for block in blocks for line in block.broken]
    assert broken == [(number, ",".join(row)) for number, row in expected if len(row) != 3]


@pytest.mark.parametrize("quoted", ['"a,b",2,3', '"a\nb",2,3'])
def test_numbers_go_on_after_the_first_quote(tmp_path: Path, quoted: str) -> None:
    path = tmp_path / "some.csv"
    path.write_text(f"x,y,z\n1,2,3\n4,5,6\n7,8,9\n{quoted}\n10,11,12\n", encoding="utf-8")
    rows = [row for block in read_blocks(path, ",", [], 2) for row in block.rows.rows()]
    assert [row[0] for row in rows] == ["1", "4", "7", quoted.split('"')[1], "10"]
    assert [row[3] for row in rows[:3]] == [2, 3, 4]
    assert rows[-1][3] == 6 + quoted.count("\n")
