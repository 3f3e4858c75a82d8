"""Compare the lake with what follows from bronze: `spark-submit ... cdr_verify.py`."""

from __future__ import annotations

import argparse
import logging
import random
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains import tables
from lakehouse.domains.settings import load
from lakehouse.errors import LedgerError
from lakehouse.registry import open_registry
from pyspark_jobs.cdr.verify import Verifier
from pyspark_jobs.engine import runtime

LOG = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Verify the files of all tables and the rows of some days; 0 when nothing differs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--days", type=int, default=7, help="how many days, chosen at random")
    parser.add_argument("--all", action="store_true", help="every day there is")
    options = parser.parse_args(argv)
    with runtime.job("cdr_verify", load) as job:
        verifier = Verifier(job.spark, job.settings, open_registry(job.settings))
        found, dates = verifier.files(tables()), verifier.dates()
        if not options.all:
            dates = sorted(random.sample(dates, min(options.days, len(dates))))
        for number, day in enumerate(dates, 1):
            found.extend(verifier.day(day))
            LOG.info("%s verified, %d of %d days", day, number, len(dates))
        for one in found:
            LOG.error("%s", one)
        if found:
            raise LedgerError(
                "verify",
                "the values that follow from bronze",
                f"{len(found):,} differences",
                "restore the days named above from a backup",
            )
        LOG.info("all files and %d days are as they should be", len(dates))
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
