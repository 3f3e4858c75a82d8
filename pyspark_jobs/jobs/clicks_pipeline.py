"""All queries of clicks in one session: ingest, users, and the SQL files."""

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
from pyspark_jobs.sql.service import SqlService


def main(argv: list[str] | None = None) -> int:
    """Run by the trigger of the settings, or `--once`; 0 when stopped or done."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--once", action="store_true", help="read what is there, then end")
    options = parser.parse_args(argv)
    fast_json.compile_ahead()
    with runtime.job("clicks_pipeline", load) as job:
        every = None if options.once else queries.interval(job.settings.spark)
        parts = job.spark, job.settings
        intake = Intake(EVENTS, job.settings.domain(CLICKS.name))
        job.supervisor.add(partial(ingest.start, *parts, intake, job.clock, every))
        job.supervisor.add(partial(users.start, *parts, job.clock, every))
        if every is None:
            job.supervisor.run_to_end()  # the SQL reads what these have written
        SqlService(job, CLICKS).run(every, "clicks-pipeline")
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
