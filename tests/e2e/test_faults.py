"""The short form of `make faults`: three of its points, held against the independent ledger."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lakehouse.children import die_with_parent
from lakehouse.settings import ROOT

pytestmark = pytest.mark.timeout(4 * 3600)  # whole installations, on any machine
POINTS = "all six at once|delivered again|poison"


def test_what_is_hurt_goes_on_and_nothing_is_lost_or_doubled() -> None:
    command = [sys.executable, "-m", "bench.faults", "--kills", "1", "--only", POINTS]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=die_with_parent()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    held = [line for line in done.stdout.splitlines() if line.endswith(": held")]
    assert len(held) == len(POINTS.split("|")), done.stdout
