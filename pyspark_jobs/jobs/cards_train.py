"""Train, judge and register a model: `spark-submit ... pyspark_jobs/jobs/cards_train.py`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.settings import load
from lakehouse.registry import open_registry
from pyspark_jobs.cards.train import train
from pyspark_jobs.engine import command, runtime

LOG = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Train on all labelled transactions; 0 when a version was registered."""
    command.plain_parser_of(main).parse_args(argv)
    with runtime.job("cards_train", load) as job:
        registry = open_registry(job.settings, FRAUD)
        result = train(job.spark, job.settings, registry, LOG.info)
        LOG.info("version %d: %s", result.version.number, result.verdict.reason)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
