"""Compact, checkpoint and clean the lake's tables: `spark-submit ... cdr_maintain.py`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains import tables
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import load
from lakehouse.registry import open_registry
from pyspark_jobs.cdr.verify import Verifier, sample
from pyspark_jobs.delta import maintain
from pyspark_jobs.engine import runtime


def main(argv: list[str] | None = None) -> int:
    """Maintain every table that exists; 0 when all went well."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        "--retention-hours",
        type=float,
        default=maintain.SAFE_RETENTION_HOURS,
        help="how old a file must be before it is deleted; shorter than the default is refused",
    )
    parser.add_argument(
        "--verify-days", type=int, default=2, help="days to verify afterwards; 0 leaves it out"
    )
    options = parser.parse_args(argv)
    with runtime.job("cdr_maintain", load) as job:
        maintain.maintain(job.spark, job.settings, tables(), options.retention_hours)
        if options.verify_days:
            verifier = Verifier(job.spark, job.settings, open_registry(job.settings, CHURN))
            verifier.require(tables(), sample(verifier.settled(), options.verify_days))
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
