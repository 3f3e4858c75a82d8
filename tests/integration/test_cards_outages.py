"""Parts of the alarm path away, two at a time: what can go on does, and nothing is lost or doubled.

All parts and pairs, for a minute each: `make cards-outages`.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from lakehouse.children import die_with_parent
from lakehouse.settings import ROOT

pytestmark = pytest.mark.integration


def test_two_parts_at_a_time_may_be_away() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.cards_outages", "--short"],
        cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=die_with_parent(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(lines) == 3 and all(line.endswith("| 0 | 0 | held |") for line in lines)
