"""Pages and published contracts that are made from the code say what the code says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lakehouse.settings import ROOT
from tests.generated import CONTRACTS, generated, orphans, write

FILES = generated()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the files as they are in the repository."""
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_that_is_made_from_the_code_is_up_to_date(path: Path) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == FILES[path], "run `make generated`"


def test_no_contract_is_published_for_a_topic_that_is_gone() -> None:
    assert list(orphans()) == [], "run `make generated`"


def test_writing_mends_what_is_stale_and_keeps_what_was_written_by_hand(copy: Path) -> None:
    page, contract = copy / "docs" / "features.md", copy / CONTRACTS / "cdr-events.json"
    page.write_text(page.read_text().replace("out_calls_sum_7d", "calls_sum"), encoding="utf-8")
    contract.unlink()
    old = copy / CONTRACTS / "gone.json"
    old.write_text("{}")
    assert sorted(write(copy)) == [
        contract.relative_to(copy), old.relative_to(copy), page.relative_to(copy),
    ]  # fmt: skip
    assert {path: (copy / path).read_text(encoding="utf-8") for path in FILES} == FILES
    assert not old.exists()
    assert write(copy) == []
