"""History to predictions and segments: `spark-submit ... pyspark_jobs/jobs/segments_score.py`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.settings import load
from pyspark_jobs.engine import queries, runtime
from pyspark_jobs.segments.pipeline import scoring_starts


def main(argv: list[str] | None = None) -> int:
    """Score by the trigger of the settings, or `--once`; 0 when all went well."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--once", action="store_true", help="read what is there, then end")
    options = parser.parse_args(argv)
    with runtime.job("segments_score", load) as job:
        every = None if options.once else queries.interval(job.settings.spark)
        for start in scoring_starts(job.spark, job.settings, job.clock, every):
            job.supervisor.add(start)
        job.run(every)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
