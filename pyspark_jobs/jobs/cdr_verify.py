"""Compare the lake with what follows from bronze: `spark-submit ... cdr_verify.py`."""

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
from pyspark_jobs.engine import runtime


def main(argv: list[str] | None = None) -> int:
    """Verify the files of all tables and the rows of some days; 0 when nothing differs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--days", type=int, default=7, help="settled days, chosen at random")
    parser.add_argument(
        "--all",
        action="store_true",
        help="every file and every day, also the latest",
    )
    options = parser.parse_args(argv)
    with runtime.job("cdr_verify", load) as job:
        verifier = Verifier(job.spark, job.settings, open_registry(job.settings, CHURN))
        settled = verifier.settled()
        dates = verifier.dates() if options.all else sample(settled, options.days)
        verifier.require(tables(), dates, all_files=options.all)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
