"""The page on card fraud names tests and commands that there are."""

from __future__ import annotations

import re

from typer.main import get_command

from cdrlake.fraud.cli import fraud
from lakehouse.settings import ROOT

PAGE = (ROOT / "docs" / "fraud.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    assert len(named) >= 5
    assert {name for name in named if f"def {name}(" not in sources} == set()


def test_every_command_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"cdrlake fraud (\w+)", PAGE))
    known = set(get_command(fraud).commands)  # type: ignore[attr-defined]
    assert named <= known and known <= named
