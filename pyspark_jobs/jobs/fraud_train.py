"""Train, judge and announce a version: `spark-submit ... pyspark_jobs/jobs/fraud_train.py`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse import csv_file
from lakehouse.domains.fraud import raw_rows
from lakehouse.domains.fraud.domain import CARDS
from lakehouse.domains.settings import load
from lakehouse.registry import open_registry
from pyspark_jobs.engine import runtime
from pyspark_jobs.fraud import dataset
from pyspark_jobs.fraud.train import train

LOG = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Train on all truth joined so far; with `--dataset` only build the training set."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--dataset", action="store_true", help="only build the training set")
    parser.add_argument("--csv", help="the raw file, for version 0")
    options = parser.parse_args(argv)
    with runtime.job("fraud_train", load) as job:
        if options.dataset:
            own, path = job.settings.fraud, options.csv
            kinds, optional = raw_rows.KINDS, (raw_rows.ACCOUNT,)
            found = csv_file.read(path, kinds, own.source_options, optional) if path else None
            raw = None if found is None else raw_rows.with_accounts(found)
            built = dataset.build(job.spark, job.settings, job.clock, raw)
            LOG.info("%s", built or "nothing was joined since the last training set")
        else:
            registry = open_registry(job.settings, CARDS)
            train(job.spark, job.settings, registry, job.clock, LOG.info)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
