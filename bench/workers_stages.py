"""Features and scores on a cluster of two workers of one core, beside the same with one core."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec

from bench.champion import crown
from bench.events import fill
from bench.measure import Figure, Measurement, Name, Size, compare
from bench.stages import Cost, to_end, work
from bench.stand import STOP_S, Stand, scratch
from cdrlake.services import jars
from cdrlake.services.ports import free_ports
from cdrlake.services.spark import SparkCluster
from cdrlake.waiting import patiently
from lakehouse.children import die_with_parent
from lakehouse.clock import SystemClock, today
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry
from lakehouse.settings import ROOT
from lakehouse.settings.model import ClusterSettings

SUBSCRIBERS, DAYS = {"small": 200, "full": 10_000}, {"small": 10, "full": 40}
WARM_DAYS = 2
ROUNDS = {"small": 1, "full": 3}
WORKERS, BUCKETS = 2, 4
DAY = timedelta(days=1)
PATIENCE_S = 120.0
NAMES: dict[str, Name] = {
    "transform": "transform_two_vs_one_worker",
    "score": "score_two_vs_one_worker",
}
NOTE = (
    "two executors of one core each beside one, after the stage has run over two days of another "
    "lake; all batches go to tasks, and the driver, which only plans and commits, shares the "
    "machine's cores with them"
)


def stages(size: Size, stand: Stand) -> Iterator[Measurement]:
    """Seconds of each stage with two workers and with one."""
    subscribers, days = SUBSCRIBERS[size], DAYS[size]
    with stand.site() as settings, scratch() as folder, _cluster(folder) as master:
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


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    """A master and its workers; the address of the master."""
    port, page = free_ports(2)
    settings = ClusterSettings(port=port, page_port=page, workers=WORKERS, worker_cores=1)
    cluster = SparkCluster(settings, folder, jars.find_java())
    children = [cluster.start_master()]
    try:
        patiently(cluster.healthy, "the master to answer", PATIENCE_S)
        children += [cluster.start_worker(number + 1) for number in range(WORKERS)]
        patiently(lambda: cluster.workers_alive() == WORKERS, "the workers", PATIENCE_S)
        yield settings.master
    finally:
        for child in reversed(children):
            child.stop(STOP_S)


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
    options = {
        "spark.cores.max": str(workers),
        "spark.executor.cores": "1",
        "spark.executor.memory": "640m",
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.driver.host": "127.0.0.1",
    }
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
