"""History to predictions and segments: `spark-submit ... pyspark_jobs/jobs/segments_score.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.settings import Settings, load
from pyspark_jobs.engine import command
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.segments.pipeline import scoring_starts


def main(argv: list[str] | None = None) -> int:
    """Score by the trigger of the settings, or `--once`; 0 when all went well."""
    return command.main(main, "segments_score", load, _starts, argv)


def _starts(job: Job[Settings], every: float | None) -> list[Start]:
    return scoring_starts(job.spark, job.settings, job.clock, every)


if __name__ == "__main__":
    sys.exit(main())
