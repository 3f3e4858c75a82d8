"""Every measurement runs, at the small size; what it measures is not looked at."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from bench.lanes import ON_DEMAND
from bench.measure import Name
from lakehouse.children import die_with_parent
from lakehouse.settings import ROOT

pytestmark = pytest.mark.timeout(8 * 3600)  # whole installations, on any machine


def measured(parts: str) -> set[str]:
    """Names of what these parts print as measured."""
    command = [sys.executable, "-m", "bench", "--size", "small", "--part", parts]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=die_with_parent()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.partition(":")[0] for line in done.stdout.splitlines()}


def test_every_part_runs_and_every_figure_is_measured() -> None:
    assert set(get_args(Name)) <= measured("all") | measured(",".join(ON_DEMAND))
