"""How the cost of each stage grows with subscribers and with days, and what a million events cost.

Every stage runs alone, in a fresh process, over what the stage before it has left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from bench import scaling_page
from bench.champion import crown
from bench.measure import Measurement, Size
from bench.monitor_world import ANALYSIS_FROM, Installation
from bench.scaling_page import Grown
from bench.site import fill, scratch, site
from bench.stages import STAGES, Cost
from lakehouse.clock import SystemClock, today
from lakehouse.registry import open_registry
from lakehouse.settings import ROOT, Settings

SUBSCRIBERS, DAYS = {"small": 100, "full": 1_250}, {"small": 40, "full": 60}
TIMES = {"small": (1, 2), "full": (1, 4, 16)}
DAY = timedelta(days=1)
MOST_REFERENCE_ROWS = 17_800


def run(size: Size) -> list[Measurement]:
    """Measure all stages at all sizes; the page is made from the costs, there is no ratio."""
    subscribers, days = SUBSCRIBERS[size], DAYS[size]
    wanted = {(subscribers * times, days) for times in TIMES[size]}
    wanted |= {(subscribers, days * times) for times in TIMES[size]}
    found = [grown for one in sorted(wanted) for grown in _at(*one)]
    if size == "full":
        scaling_page.keep(found)
    return []


def _at(subscribers: int, days: int) -> list[Grown]:
    found = []
    for stage, cost in (_pipeline(subscribers, days) | _monitor(subscribers, days)).items():
        found.append(Grown(stage, subscribers, days, cost))
        print(f"{stage}, {subscribers:,} subscribers, {days} days: {cost.seconds:.1f} s, "
              f"{cost.peak_mib:,.0f} MiB", flush=True)  # fmt: skip
    return found


def _pipeline(subscribers: int, days: int) -> dict[str, Cost]:
    with site() as settings:
        last = today(SystemClock(), "UTC") - DAY
        fill(settings, subscribers, days, last)
        crown(open_registry(settings), settings, last - (days - 1) * DAY)
        return {stage: _run(stage, settings) for stage in STAGES}


def _run(stage: str, settings: Settings) -> Cost:
    values = {
        "CDRLAKE_STATE_DIR": settings.state_dir,
        "CDRLAKE_KAFKA__PORT": str(settings.kafka.port),
        "CDRLAKE_MYSQL__EMBEDDED": "false",
    }
    answer = _ask(["bench.stages", stage], os.environ | values)
    return msgspec.convert(answer, Cost)


def _monitor(subscribers: int, days: int) -> dict[str, Cost]:
    """The same number of predictions looked at for the first time, the reference known."""
    with scratch() as folder:
        made = Installation(Path(folder))
        made.make(min(subscribers, MOST_REFERENCE_ROWS))
        for number in range(days + 1):
            made.append(ANALYSIS_FROM + number * DAY, 1, subscribers)
        one = _ask(["bench.monitor_world", str(folder)], os.environ)
        cost = Cost(one["looking"], one["cpu_seconds"], one["peak_mib"], one["written_mib"])
        return {"monitor": cost}


def _ask(module: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", *module]
    answer = subprocess.run(command, cwd=ROOT, env=dict(environment), check=True,
                            stdout=subprocess.PIPE, text=True)  # fmt: skip
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found
