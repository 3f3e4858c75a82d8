"""Train, judge and register all models: `spark-submit ... pyspark_jobs/jobs/segments_train.py`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.settings import load
from pyspark_jobs.engine import command, runtime
from pyspark_jobs.segments.scoring import registries
from pyspark_jobs.segments.train_models import train

LOG = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Train types and both hazards on all closed weeks; 0 when versions were registered."""
    command.plain_parser_of(main).parse_args(argv)
    with runtime.job("segments_train", load) as job:
        train(job.spark, job.settings, registries(job.settings), LOG.info)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
