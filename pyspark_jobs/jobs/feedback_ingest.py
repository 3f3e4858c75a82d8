"""Served predictions and truths to bronze: `spark-submit ... jobs/feedback_ingest.py`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.feedback import FEEDBACK
from lakehouse.domains.settings import load
from pyspark_jobs.engine import queries, runtime
from pyspark_jobs.ingest import fast_json, ingest
from pyspark_jobs.ingest.ingest import Intake


def main(argv: list[str] | None = None) -> int:
    """Read both topics, by the trigger of the settings or `--once`; 0 when all went well."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--once", action="store_true", help="read what is there, then end")
    parser.add_argument("--accept", action="store_true", help="quarantine any share of bad ones")
    parser.add_argument("--accept-loss", action="store_true", help="go on past a gap, on record")
    options = parser.parse_args(argv)
    if options.accept_loss and not options.once:
        parser.error("--accept-loss needs --once")
    leave = ingest.Overrides(options.accept, options.accept_loss)
    fast_json.compile_ahead()
    with runtime.job("feedback_ingest", load) as job:
        every = None if options.once else queries.interval(job.settings.spark)
        limits = job.settings.domain(FEEDBACK.name)
        for feed in FEEDBACK.feeds:
            parts = job.spark, job.settings, Intake(feed, limits)
            job.supervisor.add(partial(ingest.start, *parts, job.clock, every, leave))
        job.run(every)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
