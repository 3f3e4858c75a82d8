"""Purchases to the history of cards: `spark-submit ... pyspark_jobs/jobs/segments_transform.py`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.settings import Settings, load
from pyspark_jobs.engine import command
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.segments import transform


def main(argv: list[str] | None = None) -> int:
    """Write history by the trigger of the settings, or `--once`; 0 when all went well."""
    return command.main(main, "segments_transform", load, _starts, argv)


def _starts(job: Job[Settings], every: float | None) -> list[Start]:
    return [partial(transform.start, job.spark, job.settings, every)]


if __name__ == "__main__":
    sys.exit(main())
