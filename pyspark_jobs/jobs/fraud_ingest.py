"""Card events and their truth to bronze: `spark-submit ... pyspark_jobs/jobs/fraud_ingest.py`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.settings import load
from pyspark_jobs.engine import queries, runtime
from pyspark_jobs.fraud import pipeline
from pyspark_jobs.ingest import fast_json, ingest


def main(argv: list[str] | None = None) -> int:
    """Ingest both topics, by the trigger of the settings or `--once`; 0 when all went well."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--once", action="store_true", help="read what is there, then end")
    parser.add_argument("--accept", action="store_true", help="quarantine any share of bad ones")
    parser.add_argument("--accept-loss", action="store_true", help="go on past a gap, on record")
    options = parser.parse_args(argv)
    if options.accept_loss and not options.once:
        parser.error("--accept-loss needs --once")
    leave = ingest.Overrides(options.accept, options.accept_loss)
    fast_json.compile_ahead()
    with runtime.job("fraud_ingest", load) as job:
        every = None if options.once else queries.interval(job.settings.spark)
        for start in pipeline.ingests(job, every, leave):
            job.supervisor.add(start)
        job.run(every)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
