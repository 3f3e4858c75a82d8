"""Kafka to bronze and quarantine: `spark-submit ... pyspark_jobs/jobs/segments_ingest.py`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.segments.domain import PURCHASES
from lakehouse.domains.settings import load
from pyspark_jobs.engine import queries, runtime
from pyspark_jobs.ingest import fast_json, ingest
from pyspark_jobs.ingest.ingest import Intake


def main(argv: list[str] | None = None) -> int:
    """Ingest the purchases, by the trigger of the settings or `--once`; 0 when all went well."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--once", action="store_true", help="read what is there, then end")
    parser.add_argument("--accept", action="store_true", help="quarantine any share of bad ones")
    parser.add_argument("--accept-loss", action="store_true", help="go on past a gap, on record")
    options = parser.parse_args(argv)
    if options.accept_loss and not options.once:
        # For ever after, gaps would be passed over that nobody has looked at.
        parser.error("--accept-loss needs --once")
    leave = ingest.Overrides(options.accept, options.accept_loss)
    fast_json.compile_ahead()
    with runtime.job("segments_ingest", load) as job:
        every = None if options.once else queries.interval(job.settings.spark)
        intake = Intake(PURCHASES, job.settings.domain("segments"))
        begin = partial(ingest.start, job.spark, job.settings, intake, job.clock, every)
        job.supervisor.add(partial(begin, leave))
        job.run(every)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
