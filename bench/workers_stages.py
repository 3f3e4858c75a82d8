"""Features and scores on a cluster of two workers of one core, beside the same with one core."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec

from bench.champion import crown
from bench.cluster import WORKERS, cluster, executors
from bench.events import fill
from bench.measure import Figure, Measurement, Name, Size, compare
from bench.stages import Cost, to_end, work
from bench.stand import Stand, scratch
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry
from lakehouse.settings import ROOT

# So many that a batch's fixed five seconds, of planning and of the tables' logs, weigh little.
SUBSCRIBERS, DAYS = {"small": 200, "full": 80_000}, {"small": 10, "full": 30}
WARM_DAYS = 1
ROUNDS = {"small": 1, "full": 3}
BUCKETS, EXECUTOR_MIB = 4, 640
DAY = timedelta(days=1)
NAMES: dict[str, Name] = {
    "transform": "transform_two_vs_one_worker",
    "score": "score_two_vs_one_worker",
}
NOTE = (
    "two executors, each bound to a core, beside one, after the stage has run over one day of "
    "another lake; all batches go to tasks, and the driver, which only plans and commits, shares "
    "the cores with them"
)


def stages(size: Size, stand: Stand) -> Iterator[Measurement]:
    """Seconds of each stage with two workers and with one."""
    subscribers, days = SUBSCRIBERS[size], DAYS[size]
    with stand.site() as settings, scratch() as folder, cluster(folder) as master:
        last = today(SystemClock(), "UTC") - DAY
        crown(open_registry(settings, CHURN), settings, last - (days - 1) * DAY)
        lake, before = Path(settings.lake_uri), Lakes(folder / "before", folder / "warm-before")
        ingest = partial(work, "ingest", stand.session(), settings)
        first = last - (days - WARM_DAYS) * DAY
        rows = fill(settings, subscribers, WARM_DAYS, first)
        to_end(ingest())
        shutil.copytree(lake, folder / "warm")
        rows += fill(settings, subscribers, days - WARM_DAYS, last)
        to_end(ingest())
        lakes = Lakes(lake, folder / "warm")
        for stage, name in NAMES.items():
            figure = Figure(name, "s", False, f"{rows:,} subscriber-days, {BUCKETS} buckets", NOTE)
            warm = [] if size == "small" else [str(lakes.warm)]
            again = partial(_seconds, [stage, *warm], settings, master, lakes, before)
            lakes.copy_to(before)
            ours: Callable[[], float] = partial(again, WORKERS)
            theirs: Callable[[], float] = partial(again, 1)
            yield compare(figure, "one worker", ours, theirs, ROUNDS[size])


@dataclass(frozen=True)
class Lakes:
    """The lake that is measured, and a small one on which the executors warm up."""

    measured: Path
    warm: Path

    def copy_to(self, other: Lakes) -> None:
        """Make the other two as these are."""
        for ours, theirs in ((self.measured, other.measured), (self.warm, other.warm)):
            shutil.rmtree(theirs, ignore_errors=True)
            shutil.copytree(ours, theirs)


def _seconds(
    stage: list[str], settings: Settings, master: str, lakes: Lakes, before: Lakes, workers: int
) -> float:
    """Seconds of a stage with so many executors, from the lakes as they were before.

    `stage` is what `bench.stages` takes: its name and, to warm up, the folder of another lake.
    """
    before.copy_to(lakes)
    options = executors(workers, EXECUTOR_MIB)
    values = {
        "CDRLAKE_STATE_DIR": settings.state_dir,
        "CDRLAKE_KAFKA__PORT": str(settings.kafka.port),
        "CDRLAKE_MYSQL__EMBEDDED": "false",
        "CDRLAKE_SPARK__MASTER": master,
        "CDRLAKE_SPARK__BUCKETS": str(BUCKETS),
        "CDRLAKE_SPARK__SMALL_BATCH_ROWS": "0",
        "CDRLAKE_SPARK__OPTIONS": msgspec.json.encode(options).decode(),
    }
    command = [sys.executable, "-m", "bench.stages", *stage]
    answer = subprocess.run(command, cwd=ROOT, env=os.environ | values, check=True,
                            stdout=subprocess.PIPE, text=True,
                            preexec_fn=die_with_parent())  # fmt: skip
    return msgspec.json.decode(answer.stdout.splitlines()[-1], type=Cost).seconds
