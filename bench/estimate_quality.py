"""How far estimated performance is off under each plan: `python -m bench.estimate_quality`.

Per plan: the mean absolute error of the daily ROC-AUC estimates, that of their mean over the
drifted days, and what an estimate that knows the truth would be off by, because what is realised on
a day has a sampling error of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from math import pi, sqrt
from pathlib import Path
from statistics import fmean

import msgspec

from bench.churn_world import DRIFT_FROM, day
from bench.monitor_quality import PLANS, STEADY, measure
from monitoring.analysis.values import ChunkValues

METRIC = "roc_auc"
SEEDS = (1, 2, 3)
# Mean absolute value of a normal variable with standard deviation 1.
MEAN_OF_NORMAL = sqrt(2 / pi)


class EstimateQuality(msgspec.Struct, frozen=True):
    """Errors of a plan's daily estimates, of their means per world, and of a perfect estimate."""

    daily: float
    mean: float
    perfect: float


def quality(worlds: Sequence[Sequence[ChunkValues]]) -> EstimateQuality:
    """How far the estimates of the drifted days are off; one sequence of chunks for each world."""
    since = str(day(DRIFT_FROM))
    gaps, errors = [], []
    for chunks in worlds:
        known = [one for one in chunks if one.start >= since and METRIC in one.realised]
        gaps.append([one.estimated[METRIC].value - one.realised[METRIC].value for one in known])
        errors += [one.realised[METRIC].error for one in known]
    return EstimateQuality(
        fmean(abs(gap) for world in gaps for gap in world),
        fmean(abs(fmean(world)) for world in gaps),
        MEAN_OF_NORMAL * fmean(errors),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--subscribers", type=int, default=2_000)
    parser.add_argument("--keep", type=Path, help="folder where chunk values stay for next time")
    options = parser.parse_args()
    worlds = [measure(seed, options.subscribers, PLANS, options.keep) for seed in options.seeds]
    print("| plan | daily | mean of the days | a perfect estimate |\n| --- | --- | --- | --- |")
    for plan in (STEADY, *PLANS):
        found = quality([world.values[plan] for world in worlds])
        print(f"| `{plan}` | {found.daily:.3f} | {found.mean:.3f} | {found.perfect:.3f} |")


if __name__ == "__main__":
    main()
