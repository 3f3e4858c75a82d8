"""The prediction log to the lake: `spark-submit ... pyspark_jobs/jobs/feedback_pipeline.py`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.feedback import FEEDBACK
from lakehouse.domains.settings import load
from pyspark_jobs.engine import command, queries, runtime
from pyspark_jobs.feedback import join
from pyspark_jobs.ingest import fast_json, ingest
from pyspark_jobs.ingest.ingest import Intake


def main(argv: list[str] | None = None) -> int:
    """Run by the trigger of the settings, or `--once`; 0 when stopped or done."""
    parser = command.parser_of(main)
    options = parser.parse_args(argv)
    fast_json.compile_ahead()
    with runtime.job("feedback_pipeline", load) as job:
        every = None if options.once else queries.interval(job.settings.spark)
        limits = job.settings.domain(FEEDBACK.name)
        intakes = [Intake(feed, limits) for feed in FEEDBACK.feeds]
        for start in ingest.starts(job.spark, job.settings, job.clock, intakes, every):
            job.supervisor.add(start)
        if every is None:
            job.supervisor.run_to_end()  # the join reads what these have written
        job.supervisor.add(partial(join.start, job.spark, job.settings, every))
        job.run(every, service="feedback-pipeline")
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
