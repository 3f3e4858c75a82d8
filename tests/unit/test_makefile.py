"""The Makefile: help names every target, and an environment of the wrong Python is made again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.settings import ROOT

TEXT = (ROOT / "Makefile").read_text(encoding="utf-8")
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
OTHER = "3.12" if HERE == "3.11" else "3.11"


def make(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True)


def python(path: Path, version: str) -> Path:
    """A Python that says it is of some version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment with everything in it that makes `setup` do nothing."""
    made = tmp_path / "venv"
    python(made / "bin" / "python", HERE)
    for name in ("bin/uv", ".runtime"):
        (made / name).touch()
    return made


def test_help_names_every_target_that_people_are_to_call() -> None:
    described = re.findall(r"^([^\s:.]+):.*## ", TEXT, re.MULTILINE)
    assert "test-e2e" in described
    listed = re.findall(r"^  make (\S+)", make("help").stdout, re.MULTILINE)
    assert listed == described


def test_an_environment_of_the_python_asked_for_stays(venv: Path) -> None:
    assert "venv" not in make("-n", "setup", f"VENV={venv}").stdout
    named = make("-n", "setup", f"VENV={venv}", f"PYTHON={sys.executable}")
    assert "-m venv" not in named.stdout


def test_another_python_by_name_makes_the_environment_again(venv: Path, tmp_path: Path) -> None:
    other = python(tmp_path / "other", OTHER)
    said = make("-n", "setup", f"VENV={venv}", f"PYTHON={other}").stdout
    assert f"{other} -m venv --clear {venv}" in said
    assert "locks/runtime.txt" in said


def test_an_environment_of_an_unsupported_python_is_made_again(venv: Path) -> None:
    python(venv / "bin" / "python", "3.13")
    assert "-m venv --clear" in make("-n", "up", f"VENV={venv}").stdout


@pytest.mark.parametrize(("version", "said"), [("3.13", "is 3.13"), (None, "is not there")])
def test_an_unsupported_python_builds_nothing(
    version: str | None, said: str, tmp_path: Path
) -> None:
    named = python(tmp_path / "python", version) if version else tmp_path / "nowhere"
    done = make("setup", f"VENV={tmp_path / 'venv'}", f"PYTHON={named}")
    assert done.returncode == 2
    assert f"Python 3.11 or 3.12 is needed and {named} {said}; install one" in done.stderr
    assert not (tmp_path / "venv").exists()
