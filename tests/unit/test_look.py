"""Every page has the one head and the one look."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTED = subprocess.run(["git", "ls-files", "*.html"], cwd=ROOT, capture_output=True, text=True)
# A report is a file of its own, which somebody may keep or send.
REPORT = "flaskapp/cards/templates/drift.html"
PAGES = [path for path in LISTED.stdout.split() if path != REPORT]


def source(path: str) -> str:
    """A page's file, with that of the template that it fills."""
    text = (ROOT / path).read_text("utf-8")
    if '{% extends "' not in text:
        return text
    base = text.split('{% extends "')[1].split('"')[0]
    return text + (ROOT / path).with_name(base).read_text("utf-8")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_the_shared_style_and_the_head_with_its_mark(path: str) -> None:
    text = source(path)
    if "<!doctype html>" not in text:
        return  # a piece of a page
    assert text.count("look.css") == text.count("<!doctype html>") == 1
    assert '<header class="top">' in text
    assert '<p class="brand">' in text and "icon.svg" in text.split('class="brand"')[1]
