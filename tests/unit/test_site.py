"""The documentation builds as a site: every page is in its menu, every link leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FETCHED = re.compile(r"<(?:script|link|img)[^>]+(?:src|href)=\"https?://[^\"]+\"[^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    # With --quiet, --strict counts no warnings.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_of_the_documentation_is_built(site: Path) -> None:
    sources = {path.stem for path in (ROOT / "docs").glob("*.md")}

    assert {path.stem for path in site.glob("*.html")} >= sources | {"index", "contributing"}


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        assert not FETCHED.findall(page.read_text("utf-8")), page.name


def test_links_out_of_the_documentation_are_shown_as_paths(site: Path) -> None:
    assert "tests/toy/machines.py" in (site / "add-a-domain.html").read_text("utf-8")
    assert 'href="contributing.html' in (site / "index.html").read_text("utf-8")
