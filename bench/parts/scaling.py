"""How the cost of each stage grows with subscribers and with days, and what a million events cost.

Every stage runs alone, in a fresh process, over what the stage before it has left; at the small
size one process runs them all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from bench import scaling_page
from bench.champion import crown
from bench.events import fill
from bench.measure import Measurement, Size
from bench.monitor_world import ANALYSIS_FROM, Installation
from bench.scaling_page import Grown
from bench.stages import STAGES, Cost
from bench.stand import Stand, scratch
from lakehouse.clock import SystemClock, today
from lakehouse.registry import open_registry
from lakehouse.settings import ROOT, Settings

SUBSCRIBERS, DAYS = {"small": 100, "full": 1_250}, {"small": 40, "full": 60}
TIMES = {"small": (1,), "full": (1, 4, 16)}
PROCESSES = {"small": (STAGES,), "full": tuple((stage,) for stage in STAGES)}
DAY = timedelta(days=1)
MOST_REFERENCE_ROWS = 17_800


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Measure all stages at all sizes; the page is made from the costs, there is no ratio."""
    subscribers, days = SUBSCRIBERS[size], DAYS[size]
    wanted = {(subscribers * times, days) for times in TIMES[size]}
    wanted |= {(subscribers, days * times) for times in TIMES[size]}
    found = [grown for one in sorted(wanted) for grown in _at(*one, PROCESSES[size], stand)]
    if size == "full":
        scaling_page.keep(found)
    return []


def _at(
    subscribers: int, days: int, processes: Sequence[Sequence[str]], stand: Stand
) -> list[Grown]:
    found = []
    costs = _pipeline(subscribers, days, processes, stand) | _monitor(subscribers, days)
    for stage, cost in costs.items():
        found.append(Grown(stage, subscribers, days, cost))
        print(f"{stage}, {subscribers:,} subscribers, {days} days: {cost.seconds:.1f} s, "
              f"{cost.peak_mib:,.0f} MiB", flush=True)  # fmt: skip
    return found


def _pipeline(
    subscribers: int, days: int, processes: Sequence[Sequence[str]], stand: Stand
) -> dict[str, Cost]:
    with stand.site() as settings:
        last = today(SystemClock(), "UTC") - DAY
        fill(settings, subscribers, days, last)
        crown(open_registry(settings), settings, last - (days - 1) * DAY)
        costs = [cost for stages in processes for cost in _run(stages, settings)]
        return dict(zip(STAGES, costs, strict=True))


def _run(stages: Sequence[str], settings: Settings) -> list[Cost]:
    values = {
        "CDRLAKE_STATE_DIR": settings.state_dir,
        "CDRLAKE_KAFKA__PORT": str(settings.kafka.port),
        "CDRLAKE_MYSQL__EMBEDDED": "false",
    }
    answer = _ask(["bench.stages", *stages], os.environ | values)
    return msgspec.convert(answer, list[Cost])


def _monitor(subscribers: int, days: int) -> dict[str, Cost]:
    """The same number of predictions looked at for the first time, the reference known."""
    with scratch() as folder:
        made = Installation(folder)
        made.make(min(subscribers, MOST_REFERENCE_ROWS))
        for number in range(days + 1):
            made.append(ANALYSIS_FROM + number * DAY, 1, subscribers)
        (one,) = _ask(["bench.monitor_world", str(folder)], os.environ)
        cost = Cost(one["looking"], one["cpu_seconds"], one["peak_mib"], one["written_mib"])
        return {"monitor": cost}


def _ask(module: list[str], environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """The lines of JSON that a module prints."""
    command = [sys.executable, "-m", *module]
    answer = subprocess.run(command, cwd=ROOT, env=dict(environment), check=True,
                            stdout=subprocess.PIPE, text=True)  # fmt: skip
    return [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]
