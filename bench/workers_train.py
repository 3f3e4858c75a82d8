"""Training on executors of one core each: how much faster two are than one.

`python -m bench.workers_train spark://127.0.0.1:7077 2 full` measures with two executors of that
cluster and prints the seconds of each fit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median

from pyspark.sql import SparkSession

from bench import forest_data
from bench.cluster import WORKERS, cluster, executors
from bench.measure import ROUNDS, Figure, Measurement, Size, compare, seconds
from bench.parts.train import FEATURES, ROWS, SHAPES, grown
from bench.stand import scratch
from lakehouse.children import die_with_parent
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT
from lakehouse.settings.spark import SparkSettings
from pyspark_jobs.engine.session import open_session

EXECUTOR_MIB = 1_024
FITS = {"small": 1, "full": 3}


def two_beside_one(size: Size) -> Measurement:
    """`train_two_vs_one_worker`: the same forest on two executors and on one, in turns."""
    shape = SHAPES[size]
    data = f"{ROWS[size]:,} rows x {FEATURES} features, {shape.trees} trees of depth {shape.depth}"
    note = "executors that are each bound to a core; median of fits after a first one"
    figure = Figure("train_two_vs_one_worker", "s", False, data, note)
    with scratch() as folder, cluster(folder) as master:
        ours = partial(_apart, master, WORKERS, size)
        theirs = partial(_apart, master, 1, size)
        return compare(figure, "the same on one worker", ours, theirs, min(ROUNDS[size], 3))


def _apart(master: str, workers: int, size: Size) -> float:
    """Seconds of a fit in a process, on executors that nobody has used before."""
    command = [sys.executable, "-m", "bench.workers_train", master, str(workers), size]
    answer = subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
        preexec_fn=die_with_parent(),
    )  # fmt: skip
    fits: list[float] = json.loads(answer.stdout.splitlines()[-1])
    return median(fits)


@contextmanager
def session_on(master: str, workers: int) -> Iterator[SparkSession]:
    """A session whose tasks run on this many executors of one core, and none in the driver."""
    with scratch() as folder:
        options = {**executors(workers, EXECUTOR_MIB), "spark.default.parallelism": str(workers)}
        spark = SparkSettings(master=master, driver_memory="1g", options=options)
        session = open_session("bench", Settings(state_dir=str(folder), spark=spark))
        try:
            yield session
        finally:
            session.stop()


def main() -> None:
    """Print the seconds of each fit on as many workers of a master as the arguments say."""
    master, workers, size = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if size not in ROWS:
        raise SystemExit(f"bench.workers_train: a size of {' or '.join(ROWS)}, not {size!r}")
    table = forest_data.draw(ROWS[size], FEATURES, seed=1, on_levels=False)
    with session_on(master, workers) as spark:
        fit = partial(grown, spark, table, SHAPES[size])
        fit()  # starts the Python workers
        print(json.dumps([seconds(fit) for _ in range(FITS[size])]))


if __name__ == "__main__":
    main()
