"""Every measurement runs, at the small size; what it measures is not looked at."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import pytest

from bench.lanes import ON_DEMAND
from bench.measure import Name
from lakehouse.children import die_with_parent
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT

pytestmark = pytest.mark.timeout(8 * 3600)  # whole installations, on any machine

# These wait for servers more than they work, and take as long as all the others.
SLOW = ("workers", "aggregate", "clicks", "quality", "model")
# Its rival has to be fetched with 3.3 GB.
FULL_SIZE_ONLY = {"score_grid_vs_nvforest"}


def measured(parts: str) -> set[str]:
    """Names of what these parts print as measured."""
    command = [sys.executable, "-m", "bench", "--size", "small", "--part", parts]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=die_with_parent()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.partition(":")[0] for line in done.stdout.splitlines()}


def installation() -> set[Path]:
    """What is in the state folder of whoever runs the tests."""
    return set(Settings().state.glob("*"))


def test_every_part_runs_and_every_figure_is_measured() -> None:
    before = installation()
    others = [part for part in ON_DEMAND if part not in SLOW]
    with ThreadPoolExecutor(2) as threads:
        found = threads.map(measured, [",".join(SLOW), ",".join(others), "all"])
        assert set(get_args(Name)) - FULL_SIZE_ONLY <= set().union(*found)
    assert installation() == before
