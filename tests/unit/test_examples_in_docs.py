"""The examples of the documents run, and say what the code says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lakehouse.domains.cdr.contracts import PREDICTIONS
from lakehouse.domains.cdr.features import gold_contract
from lakehouse.domains.settings import load
from lakehouse.settings import ROOT
from pyspark_jobs.delta import tables
from tests.toy import machines


def blocks(document: str, kind: str = "python") -> list[str]:
    """Blocks of code of that kind, in order."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_domain_of_the_page_is_the_one_that_is_tested() -> None:
    made: dict[str, Any] = {}
    for block in blocks("add-a-domain.md"):
        exec(block, made)
    for name in ("READING", "BRONZE", "QUARANTINE", "SCORES"):
        assert made[name] == getattr(machines, name)


def test_the_readers_of_tables_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDRLAKE_STATE_DIR", str(tmp_path))
    settings = load()
    tables.create_missing(settings, gold_contract(settings.cdr.feature_windows), PREDICTIONS)
    run: dict[str, Any] = {}
    found = blocks("tables.md")
    assert len(found) == 3
    for block in found:
        exec(block.replace("print(", "str("), run)
    assert next(iter(run["day"].columns)) == "User"
