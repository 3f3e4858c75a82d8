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
        (("model", "lst"), "Did you mean 'list'? See"),
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
    assert "/no/[bold]/file: expected a readable file" in done.stderr


def test_help_and_mistakes_wait_for_no_heavy_library() -> None:
    """The command line's own modules import none of what only single commands need."""
    heavy = ("pyspark", "mlflow", "polars", "pyarrow", "numba", "onnx", "confluent_kafka", "flask")
    program = f"import sys, cdrlake.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("command", ["up", "demo", "status", "ledger", "topics", "train", "ingest"])
def test_an_unknown_domain_is_refused_with_those_there_are(command: str) -> None:
    done = cdrlake(command, "--domain", "cdrr")
    assert done.returncode == 1
    assert "did you mean 'cdr'" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("serve", "--domain", "cards"), "--domain goes with --stream"),
        (("train", "--domain", "feedback"), "has no job to train; these have: cards, cdr, "),
        (("verify", "--domain", "fraud"), "has no job to verify; these have: cards, cdr."),
    ],
)
def test_what_a_domain_cannot_do_is_said_at_once(words: tuple[str, ...], said: str) -> None:
    done = cdrlake(*words)
    assert done.returncode == 1
    assert said in done.stderr
