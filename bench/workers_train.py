"""Training on executors of one core each: how much faster two are than one.

`python -m bench.workers_train 2 full` measures with two and prints the seconds of each fit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median

from pyspark.sql import SparkSession

from bench import forest_data
from bench.measure import ROUNDS, Figure, Measurement, Size, compare, seconds
from bench.parts.train import FEATURES, ROWS, SHAPES, grown
from bench.stand import scratch
from cdrlake.services import spark as spark_home
from lakehouse.children import die_with_parent
from lakehouse.domains.settings import Settings
from lakehouse.settings import ROOT
from lakehouse.settings.model import SparkSettings
from pyspark_jobs.engine.session import open_session

EXECUTOR_MIB = 1_024
FITS = {"small": 1, "full": 3}


def two_beside_one(size: Size) -> Measurement:
    """`train_two_vs_one_worker`: the same forest on two executors and on one, in turns."""
    shape = SHAPES[size]
    data = f"{ROWS[size]:,} rows x {FEATURES} features, {shape.trees} trees of depth {shape.depth}"
    note = "executors of one core each, in processes of their own; median of fits after a first one"
    return compare(
        Figure("train_two_vs_one_worker", "s", False, data, note),
        "the same on one worker",
        partial(_apart, 2, size),
        partial(_apart, 1, size),
        min(ROUNDS[size], 3),
    )


def _apart(workers: int, size: Size) -> float:
    """Seconds of a fit in a process, on executors that nobody has used before."""
    command = [sys.executable, "-m", "bench.workers_train", str(workers), size]
    answer = subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
        preexec_fn=die_with_parent(),
    )  # fmt: skip
    fits: list[float] = json.loads(answer.stdout.splitlines()[-1])
    return median(fits)


@contextmanager
def session_on(workers: int) -> Iterator[SparkSession]:
    """A session whose tasks run on this many executors of one core, and none in the driver."""
    os.environ["SPARK_HOME"] = str(spark_home.home())
    with scratch() as folder:
        options = {"spark.executor.memory": f"{EXECUTOR_MIB}m",
                   "spark.executorEnv.PYTHONPATH": str(ROOT),
                   "spark.default.parallelism": str(workers)}  # fmt: skip
        master = f"local-cluster[{workers},1,{EXECUTOR_MIB}]"
        spark = SparkSettings(master=master, driver_memory="1g", options=options)
        session = open_session("bench", Settings(state_dir=str(folder), spark=spark))
        try:
            yield session
        finally:
            session.stop()


def main() -> None:
    """Print the seconds of each fit on as many workers as the first argument says."""
    workers, size = int(sys.argv[1]), sys.argv[2]
    if size not in ROWS:
        raise SystemExit(f"bench.workers_train: a size of {' or '.join(ROWS)}, not {size!r}")
    table = forest_data.draw(ROWS[size], FEATURES, seed=1, on_levels=False)
    with session_on(workers) as spark:
        fit = partial(grown, spark, table, SHAPES[size])
        fit()  # starts the Python workers
        print(json.dumps([seconds(fit) for _ in range(FITS[size])]))


if __name__ == "__main__":
    main()
