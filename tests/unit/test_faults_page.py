"""The page of faults: a point that is run anew takes the place of its row."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.faults import page
from bench.faults.page import Row
from bench.faults.points import POINTS


def row(name: str, lost: int = 0) -> Row:
    return Row(name, "it goes on", 1, 100, lost, 0, 0, 1.0)


def test_rows_are_kept_by_name_in_the_order_of_the_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    kept = tmp_path / "results" / "rows.json"
    order = ["kill", "poison", "burst"]
    page.publish([row("poison", lost=3), row("kill")], 1, order, kept)
    assert "| poison | 1 | it goes on | broken | 100 | 3 |" in page.PAGE.read_text()
    page.publish([row("poison")], 1, order, kept)
    lines = [line for line in page.PAGE.read_text().splitlines() if "it goes on" in line]
    assert [line.split(" | ")[0] for line in lines] == ["| kill", "| poison"]
    assert all("| held |" in line for line in lines)


def test_every_point_has_a_name_of_its_own() -> None:
    names = [point.name for point in POINTS]
    assert len(names) == len(set(names)) >= 20
