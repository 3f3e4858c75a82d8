"""Shared code knows no domain: neither its words, nor its modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lakehouse.domains import DOMAINS
from tests.unit.test_shape import ROOT, imported, modules

ROOMS = (
    "lakehouse",
    "pyspark_jobs",
    "flaskapp",
    "monitoring",
    "mirror",
    "serving",
    "cdrlake",
)
# In any room a folder with the name of a domain belongs to that domain; the jobs' mains put domains
# together.
NAMES = {path.parent.name for path in (ROOT / "lakehouse" / "domains").glob("*/__init__.py")}
DOMAIN_FOLDERS = {"domains", "jobs", *NAMES}
WORDS = re.compile(
    r"DP_|msisdn|churn|(?<![a-z])cdr(?!lake|_?LAKE)|subscriber|\bUser\b|[\"']Date[\"']"
    r"|cc_num|trans_num|cardholder|fraud|(?<![a-z])cc_|bot[_ ]detect|main_page",
    re.IGNORECASE,
)
CASE = re.compile(r"\bUser\b|[\"']Date[\"']")
SUFFIXES = (".py", ".js", ".html", ".j2")
# What puts an installation together: it names the domains that there are.
MAINS = ("__main__.py",)


def shared(room: str) -> list[Path]:
    """Modules, pages and templates of a room that stand outside the domains' folders."""
    if not (ROOT / room).exists():
        return []
    files = [path for path in (ROOT / room).rglob("*") if path.suffix in SUFFIXES]
    return [
        path for path in files if not set(path.relative_to(ROOT / room).parts[:-1]) & DOMAIN_FOLDERS
    ]


def words_of_a_domain(text: str) -> list[str]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for match in WORDS.finditer(line):
            word = match[0]
            if word.lower().strip("\"'") in ("user", "date") and not CASE.fullmatch(word):
                continue
            found.append(f"line {number}: {word}")
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_shared_code_says_no_word_of_a_domain(room: str) -> None:
    found = {
        str(path.relative_to(ROOT)): words
        for path in shared(room)
        if (words := words_of_a_domain(path.read_text(encoding="utf-8")))
    }
    assert not found


def test_every_domain_has_its_folder() -> None:
    assert {domain.name for domain in DOMAINS} == NAMES


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "cdrlake"])
def test_shared_code_imports_no_domain(room: str) -> None:
    if not (ROOT / room).exists():
        pytest.skip(f"there is no {room} yet")
    for path in modules(room):
        if path not in shared(room) or path.name in MAINS:
            continue
        domains = {
            name
            for name in imported(path)
            if set(name.split(".")[1:]) & DOMAIN_FOLDERS and name.split(".")[0] in ROOMS
        }
        assert not domains, f"{path.relative_to(ROOT)} imports {domains}"
