"""Every measurement runs, at the small size; what it measures is not looked at."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

from bench.measure import Name
from lakehouse.settings import ROOT


def test_every_part_runs_and_every_figure_is_measured() -> None:
    command = [sys.executable, "-m", "bench", "--size", "small"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    measured = {line.partition(":")[0] for line in done.stdout.splitlines()}
    assert set(get_args(Name)) <= measured
