"""Every measurement runs, at the small size; what it measures is not looked at."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from bench.__main__ import LANES, PARTS
from bench.measure import Name
from lakehouse.children import die_with_parent
from lakehouse.settings import ROOT

pytestmark = pytest.mark.timeout(4 * 3600)  # whole installations, on any machine
ELSEWHERE = {"daily_sums_vs_flink", "daily_sums_vs_pathway", "day_vs_everything_again"}
ON_DEMAND = PARTS[sum(map(len, LANES)) :]


@pytest.mark.parametrize(
    ("parts", "figures"),
    [("all", set(get_args(Name)) - ELSEWHERE), (",".join(ON_DEMAND), ELSEWHERE)],
    ids=["all", "on demand"],
)
def test_every_part_runs_and_every_figure_is_measured(parts: str, figures: set[str]) -> None:
    command = [sys.executable, "-m", "bench", "--size", "small", "--part", parts]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=die_with_parent()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert figures <= {line.partition(":")[0] for line in done.stdout.splitlines()}
