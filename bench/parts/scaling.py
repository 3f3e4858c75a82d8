"""How the cost of each stage grows with subscribers and with days, and what a million events cost.

Every stage runs alone, in a fresh process, over what the stage before it has left; at the small
size it runs here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from bench import monitor_world, scaling_page
from bench.champion import crown
from bench.events import fill
from bench.measure import Measurement, Size
from bench.monitor_world import ANALYSIS_FROM, Installation
from bench.scaling_page import Grown
from bench.stages import STAGES, Cost, cost_of
from bench.stand import Stand, scratch
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry
from lakehouse.settings import ROOT

SUBSCRIBERS, DAYS = {"small": 100, "full": 1_250}, {"small": 40, "full": 60}
TIMES = {"small": (1,), "full": (1, 4, 16)}
DAY = timedelta(days=1)
MOST_REFERENCE_ROWS = 17_800


@dataclass(frozen=True)
class Way:
    """What a stage of the pipeline costs, and what a look of monitoring; alone or here."""

    stage: Callable[[str, Settings], Cost]
    look: Callable[[Installation], Mapping[str, float]]


def run(size: Size, stand: Stand) -> list[Measurement]:
    """Measure all stages at all sizes; the page is made from the costs, there is no ratio."""
    subscribers, days = SUBSCRIBERS[size], DAYS[size]
    wanted = {(subscribers * times, days) for times in TIMES[size]}
    wanted |= {(subscribers, days * times) for times in TIMES[size]}
    way = Way(_stage_alone, monitor_world.look_alone) if size == "full" else _here(stand)
    found = [grown for one in sorted(wanted) for grown in _at(*one, stand, way)]
    if size == "full":
        scaling_page.keep(found)
    return []


def _here(stand: Stand) -> Way:
    spark = stand.session()
    return Way(lambda stage, settings: cost_of(stage, spark, settings), monitor_world.look)


def _at(subscribers: int, days: int, stand: Stand, way: Way) -> list[Grown]:
    found = []
    costs = _pipeline(subscribers, days, stand, way) | _monitor(subscribers, days, way)
    for stage, cost in costs.items():
        found.append(Grown(stage, subscribers, days, cost))
        driver = f", driver's Python {cost.driver_mib:,.0f}" if cost.driver_mib else ""
        print(f"{stage}, {subscribers:,} subscribers, {days} days: {cost.seconds:.1f} s, "
              f"{cost.peak_mib:,.0f} MiB{driver}", flush=True)  # fmt: skip
    return found


def _pipeline(subscribers: int, days: int, stand: Stand, way: Way) -> dict[str, Cost]:
    with stand.site() as settings:
        last = today(SystemClock(), "UTC") - DAY
        fill(settings, subscribers, days, last)
        crown(open_registry(settings, CHURN), settings, last - (days - 1) * DAY)
        return {stage: way.stage(stage, settings) for stage in STAGES}


def _monitor(subscribers: int, days: int, way: Way) -> dict[str, Cost]:
    """The same number of predictions looked at for the first time, the reference known."""
    with scratch() as folder:
        made = Installation(folder)
        made.make(min(subscribers, MOST_REFERENCE_ROWS))
        for number in range(days + 1):
            made.append(ANALYSIS_FROM + number * DAY, 1, subscribers)
        one = way.look(made)
        cost = Cost(one["looking"], one["cpu_seconds"], one["peak_mib"], one["written_mib"])
        return {"monitor": cost}


def _stage_alone(stage: str, settings: Settings) -> Cost:
    values = {
        "CDRLAKE_STATE_DIR": settings.state_dir,
        "CDRLAKE_KAFKA__PORT": str(settings.kafka.port),
        "CDRLAKE_MYSQL__EMBEDDED": "false",
    }
    command = [sys.executable, "-m", "bench.stages", stage]
    answer = subprocess.run(command, cwd=ROOT, env=os.environ | values, check=True,
                            stdout=subprocess.PIPE, text=True,
                            preexec_fn=die_with_parent())  # fmt: skip
    return msgspec.json.decode(answer.stdout.splitlines()[-1], type=Cost)
