"""Purchases to the history of cards: `spark-submit ... pyspark_jobs/jobs/segments_transform.py`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.settings import load
from pyspark_jobs.engine import queries, runtime
from pyspark_jobs.segments import transform


def main(argv: list[str] | None = None) -> int:
    """Write history by the trigger of the settings, or `--once`; 0 when all went well."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--once", action="store_true", help="read what is there, then end")
    options = parser.parse_args(argv)
    with runtime.job("segments_transform", load) as job:
        every = None if options.once else queries.interval(job.settings.spark)
        job.supervisor.add(partial(transform.start, job.spark, job.settings, every))
        job.run(every)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
