"""The pages on mappings and plans say what the code says, and examples come out as they say."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from flaskapp.cdr.mappings import reference
from flaskapp.cdr.mappings.fields import Options
from flaskapp.cdr.mappings.reading import read
from flaskapp.cdr.mappings.spec import Mapping, Part
from flaskapp.cdr.world import PLANS
from lakehouse.settings import ROOT

PAGE = (ROOT / "docs" / "mappings.md").read_text("utf-8")
EXAMPLE = re.compile(
    r"### (?P<title>[^\n]+)\n(?:(?!###).)*?"
    r"```yaml\n(?P<mapping>.*?)```\s+```csv\n(?P<file>.*?)```\s+"
    r"(?P<accepted>\d+) of (?P<lines>\d+) lines (?:is|are) loaded, as (?P<rows>\d+) rows",
    re.DOTALL,
)
EXAMPLES = list(EXAMPLE.finditer(PAGE))
OPTIONS = Options(datetime(2026, 11, 20, tzinfo=UTC), "UTC", b"a secret of some length")


def test_no_part_of_a_mapping_is_left_out() -> None:
    assert set(reference.PARTS) == set(Part.__subclasses__())


def test_every_plan_of_the_world_is_explained() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \| (yes|no) \|$", operations, re.MULTILINE)
    assert {name for name, _ in rows} == set(PLANS)
    # Live rows are sampled from days that are there, so only factors on measures show in them.
    measured = ("calls", "texts", "sessions", "volume")
    for name, live in rows:
        effect = PLANS[name](0)
        assert any(getattr(effect, one) != 1 for one in measured) == (live == "yes"), name


def test_there_is_an_example_for_each_mapping_on_the_page() -> None:
    assert len(EXAMPLES) == PAGE.count("```yaml") == 6


@pytest.mark.parametrize("example", EXAMPLES, ids=[one["title"] for one in EXAMPLES])
def test_an_example_comes_out_as_the_page_says(tmp_path: Path, example: re.Match[str]) -> None:
    path = tmp_path / "file.csv"
    path.write_text(example["file"], encoding="utf-8")
    (spec,) = Mapping.model_validate(yaml.safe_load(example["mapping"])).files.values()
    blocks = list(read(path, spec, OPTIONS))
    accepted = sum(block.accepted for block in blocks)
    rejected = sum(block.rejects.height for block in blocks)
    rows = sum(block.events.height for block in blocks)
    assert [accepted, accepted + rejected, rows] == [
        int(example[name]) for name in ("accepted", "lines", "rows")
    ]
