"""Card events and their truth to bronze: `spark-submit ... pyspark_jobs/jobs/fraud_ingest.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.settings import Settings, load
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.fraud import pipeline
from pyspark_jobs.ingest import command
from pyspark_jobs.ingest.ingest import Overrides


def main(argv: list[str] | None = None) -> int:
    """Ingest both topics, by the trigger of the settings or `--once`; 0 when all went well."""
    return command.main(main, "fraud_ingest", load, _starts, argv)


def _starts(job: Job[Settings], every: float | None, leave: Overrides) -> list[Start]:
    return pipeline.ingests(job, every, leave)


if __name__ == "__main__":
    sys.exit(main())
