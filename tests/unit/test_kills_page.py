"""Runs of kills: the latest of each command is kept, and told with the sum of all."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench import kills_page
from bench.kills_page import Killed

ONE = Killed("make kills", "the pipeline", 20, "four tables", 0, seed=1, machine="a machine")


def test_nothing_is_told_where_nothing_was_killed(tmp_path: Path) -> None:
    assert kills_page.section(tmp_path / "kills.json") == ""


def test_a_later_run_of_a_command_replaces_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "kills.json"
    kills_page.keep(ONE, path)
    kills_page.keep(msgspec.structs.replace(ONE, command="make stream-kills", kills=1_000), path)
    kills_page.keep(msgspec.structs.replace(ONE, kills=30, differing=2), path)
    said = kills_page.section(path)
    assert "1,030 more" in said
    assert "| `make kills` | the pipeline | 30 | four tables | 2 |" in said
    assert "| `make stream-kills` | the pipeline | 1,000 | four tables | nothing |" in said
