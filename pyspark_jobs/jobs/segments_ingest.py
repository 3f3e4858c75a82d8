"""Kafka to bronze and quarantine: `spark-submit ... pyspark_jobs/jobs/segments_ingest.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.segments.domain import PURCHASES
from lakehouse.domains.settings import Settings, load
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.ingest import command, ingest
from pyspark_jobs.ingest.ingest import Intake, Overrides


def main(argv: list[str] | None = None) -> int:
    """Ingest the purchases, by the trigger of the settings or `--once`; 0 when all went well."""
    return command.main(main, "segments_ingest", load, _starts, argv)


def _starts(job: Job[Settings], every: float | None, leave: Overrides) -> list[Start]:
    intakes = [Intake(PURCHASES, job.settings.domain("segments"))]
    return ingest.starts(job.spark, job.settings, job.clock, intakes, every, leave)


if __name__ == "__main__":
    sys.exit(main())
