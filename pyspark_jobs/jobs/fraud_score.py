"""Score, learn and join with the truth: `spark-submit ... pyspark_jobs/jobs/fraud_score.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.settings import load
from pyspark_jobs.engine import command, queries, runtime
from pyspark_jobs.fraud import pipeline


def main(argv: list[str] | None = None) -> int:
    """Run by the trigger of the settings, or `--once`; 0 when all went well."""
    parser = command.parser_of(main)
    options = parser.parse_args(argv)
    with runtime.job("fraud_score", load) as job:
        every = None if options.once else queries.interval(job.settings.spark)
        job.supervisor.add(pipeline.scoring(job, every))
        if every is None:
            # What is scored now can be joined now, and not only the next time.
            job.supervisor.run_to_end()
        job.supervisor.add(pipeline.joining(job, every))
        job.run(every)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
