"""Damaged files: a few trials of `make corruptions`, one of each kind of file."""

from __future__ import annotations

import subprocess
import sys

from bench.corruptions import PLACES
from lakehouse.children import die_with_parent
from lakehouse.settings import ROOT


def test_one_damaged_file_of_each_kind_is_harmless_or_named() -> None:
    command = [sys.executable, "-m", "bench.corruptions", "--count", str(len(PLACES))]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=die_with_parent()
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    assert len([line for line in done.stdout.splitlines() if line[:1].isdigit()]) == len(PLACES)
