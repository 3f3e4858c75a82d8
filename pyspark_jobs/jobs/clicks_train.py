"""Train and judge a bot detector: `spark-submit ... pyspark_jobs/jobs/clicks_train.py`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.clock import SystemClock
from lakehouse.domains.clicks.domain import BOTS
from lakehouse.domains.settings import load
from lakehouse.registry import open_registry
from pyspark_jobs.clicks.lessons import Lessons
from pyspark_jobs.clicks.train import train
from pyspark_jobs.engine import runtime

LOG = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Train on the windows of a made-up shop; another seed is another shop."""
    usual = Lessons(SystemClock().now())
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--users", type=int, default=usual.users, help="visitors of the shop")
    parser.add_argument("--bots", type=float, default=usual.bot_share, help="their share")
    parser.add_argument("--minutes", type=float, default=usual.minutes, help="how long")
    parser.add_argument("--seed", type=int, default=usual.seed)
    chosen = parser.parse_args(argv)
    lessons = Lessons(usual.end, chosen.users, chosen.bots, chosen.minutes, seed=chosen.seed)
    with runtime.job("clicks_train", load) as job:
        registry = open_registry(job.settings, BOTS)
        train(job.spark, job.settings, registry, lessons, LOG.info)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
