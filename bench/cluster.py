"""A cluster of workers that have one core each, and no more than it.

Each worker is bound to a core of its own, and its executors with it. An executor that is merely
told to run one task at a time uses more than a core: the JVM compiles and collects in threads of
its own, and Python computes while the JVM reads. One such executor would have most of this machine,
and two could not be faster.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.stand import STOP_S
from cdrlake.services import jars
from cdrlake.services.ports import free_ports
from cdrlake.services.process import Child
from cdrlake.services.spark import SparkCluster
from cdrlake.waiting import patiently
from lakehouse.settings import ROOT
from lakehouse.settings.spark import ClusterSettings

WORKERS = 2
PATIENCE_S = 120.0


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A master and its workers; the address of the master."""
    port, page = free_ports(2)
    settings = ClusterSettings(port=port, page_port=page, workers=WORKERS, worker_cores=1)
    spark = SparkCluster(settings, folder, jars.find_java())
    children = [spark.start_master()]
    try:
        patiently(spark.healthy, "the master to answer", PATIENCE_S)
        children += [_start_bound(spark, number + 1) for number in range(WORKERS)]
        patiently(lambda: spark.workers_alive() == WORKERS, "the workers", PATIENCE_S)
        yield settings.master
    finally:
        for child in reversed(children):
            child.stop(STOP_S)


def executors(workers: int, memory_mib: int) -> Mapping[str, str]:
    """Options of a session that has so many executors of one core, on a worker each."""
    return {
        "spark.cores.max": str(workers),
        "spark.executor.cores": "1",
        "spark.executor.memory": f"{memory_mib}m",
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.driver.host": "127.0.0.1",
    }


def _start_bound(spark: SparkCluster, number: int) -> Child:
    """Start a worker on one core: what a thread starts may use the cores that the thread may."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[(number - 1) % len(cores)]})
    try:
        return spark.start_worker(number)
    finally:
        os.sched_setaffinity(0, cores)
