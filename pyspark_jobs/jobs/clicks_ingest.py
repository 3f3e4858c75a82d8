"""Clicks and users to the lake: `spark-submit ... pyspark_jobs/jobs/clicks_ingest.py`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.clicks import CLICKS
from lakehouse.domains.clicks.domain import EVENTS
from lakehouse.domains.settings import load
from pyspark_jobs.clicks import users
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
    with runtime.job("clicks_ingest", load) as job:
        every = None if options.once else queries.interval(job.settings.spark)
        parts = job.spark, job.settings
        intake = Intake(EVENTS, job.settings.domain(CLICKS.name))
        job.supervisor.add(partial(ingest.start, *parts, intake, job.clock, every, leave))
        job.supervisor.add(partial(users.start, *parts, job.clock, every, options.accept_loss))
        job.run(every)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
