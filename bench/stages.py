"""What a stage of the pipeline costs at a size, alone in a process of its own.

`python -m bench.stages transform` runs one stage over what the settings in the environment lead to
and prints its cost as JSON; the start of Python, of the JVM and of the session is not counted. With
the folder of another lake as second argument, the stage first runs there: executors of a cluster
have started, and compiled what they run, before the clock does.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping

import msgspec
from pyspark.sql import SparkSession

from bench.measure import seconds
from bench.usage import Sampler
from lakehouse.clock import SystemClock
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings, load
from lakehouse.registry import open_registry
from lakehouse.settings.model import LakeSettings
from pyspark_jobs.cdr import feeds, transform
from pyspark_jobs.cdr.churn_scoring import scoring_context
from pyspark_jobs.engine.session import open_session
from pyspark_jobs.engine.supervisor import Start, Supervisor
from pyspark_jobs.ingest import ingest
from pyspark_jobs.scoring import score


class Cost(msgspec.Struct, frozen=True):
    """Wall seconds, processor seconds, MiB of memory at the peak and MiB written to disk.

    `driver_mib` is the peak of the process that plans and commits; its JVM and its Python workers
    are left out of it.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    written_mib: float
    driver_mib: float = 0.0


def main() -> None:
    """Run the stage that the argument names."""
    settings = load()
    spark = open_session("bench", settings)
    spark.range(1).count()  # pays for what a session does once
    for folder in sys.argv[2:]:
        elsewhere = settings.model_copy(update={"lake": LakeSettings(uri=folder)})
        to_end(work(sys.argv[1], spark, elsewhere))
    cost = cost_of(sys.argv[1], spark, settings)
    spark.stop()
    print(json.dumps(msgspec.to_builtins(cost)))


def cost_of(stage: str, spark: SparkSession, settings: Settings) -> Cost:
    """Run a stage until nothing waits for it; what that cost."""
    start = work(stage, spark, settings)
    with Sampler() as sampler:
        took = seconds(lambda: to_end(start))
    cpu, written = sampler.used
    return Cost(took, cpu, sampler.peak_mib, written, sampler.own_peak_mib)


def work(stage: str, spark: SparkSession, settings: Settings) -> Start:
    """What starts a stage over all that waits for it."""
    return _WORK[stage](spark, settings)


def to_end(start: Start) -> None:
    """Run a stage until nothing waits for it."""
    supervisor = Supervisor(SystemClock(), threading.Event())
    supervisor.add(start)
    supervisor.run_to_end()


def _ingest(spark: SparkSession, settings: Settings) -> Start:
    feed = feeds.events(settings, SystemClock())
    return lambda: ingest.start(spark, settings, feed, SystemClock(), None)


def _transform(spark: SparkSession, settings: Settings) -> Start:
    return lambda: transform.start(spark, settings, SystemClock(), None)


def _score(spark: SparkSession, settings: Settings) -> Start:
    context = scoring_context(settings, open_registry(settings, CHURN), SystemClock())
    return lambda: score.start(spark, context, None)


_WORK: Mapping[str, Callable[[SparkSession, Settings], Start]] = {
    "ingest": _ingest,
    "transform": _transform,
    "score": _score,
}
STAGES = tuple(_WORK)


if __name__ == "__main__":
    main()
