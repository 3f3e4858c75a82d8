"""What was typed wrong is answered in one sentence, with the exit code of a usage error."""

from __future__ import annotations

import subprocess
import sys

import pytest

RUN = [sys.executable, "-m", "cdrlake.cli"]


def cdrlake(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *words], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("no-such",), "No such command 'no-such'"),
        (("up", "--no-such"), "No such option: --no-such"),
    ],
)
def test_a_usage_error_is_one_sentence(words: tuple[str, ...], said: str) -> None:
    done = cdrlake(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "--help`" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_command_the_help_is_printed() -> None:
    done = cdrlake()
    assert (done.returncode, done.stderr) == (2, "")
    assert "ledger" in done.stdout


def test_brackets_in_an_error_are_not_taken_for_markup() -> None:
    done = cdrlake("eda", "--config", "/no/[bold]/file")
    assert done.returncode == 1
    assert "/no/[bold]/file: needed a readable file" in done.stderr
