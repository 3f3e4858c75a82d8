"""Score past days with any version: `spark-submit ... pyspark_jobs/jobs/cdr_backfill.py`."""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import date
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import load
from lakehouse.registry import open_registry
from pyspark_jobs.engine import runtime
from pyspark_jobs.scoring import score

LOG = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Score gold from `--first` to `--last` with `--version`; 0 when all went well."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--version", type=int, required=True, help="version in the registry")
    parser.add_argument("--first", type=date.fromisoformat, required=True)
    parser.add_argument("--last", type=date.fromisoformat, required=True)
    options = parser.parse_args(argv)
    with runtime.job("cdr_backfill", load) as job:
        registry = open_registry(job.settings, CHURN)
        version = registry.version(options.version)
        parts = job.spark, job.settings, version, (options.first, options.last)
        written = score.backfill(*parts, registry, job.clock)
        LOG.info("version %d: %d predictions are new or different", version.number, written)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
