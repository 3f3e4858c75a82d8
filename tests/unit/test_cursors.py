"""Cursors are closed by the block that opened them."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import MagicMock

from lakehouse import mysql
from lakehouse.settings import ROOT

# A cursor that no `with` closes, or one that is made for a single argument.
LEFT_OPEN = re.compile(r"= .*\w\.cursor(\(\))?(,|$)|\(context\.cursor,|, context\.cursor\b")
ROOMS = ("flaskapp", "lakehouse", "mirror", "cdrlake")


def test_a_lock_leaves_no_cursor_open() -> None:
    opened: list[Any] = []

    def cursor() -> Any:
        one = MagicMock()
        one.__enter__.return_value.fetchone.return_value = (1,)
        opened.append(one)
        return one

    connection = MagicMock(cursor=cursor)
    with mysql.lock(connection, "a") as held:
        assert held
        assert [one.__exit__.call_count for one in opened] == [1]
    assert [one.__exit__.call_count for one in opened] == [1, 1]


def test_no_module_keeps_a_cursor_without_a_block() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if LEFT_OPEN.search(line)
    ]
    assert found == []
