"""Clicks and users to the lake: `spark-submit ... pyspark_jobs/jobs/clicks_ingest.py`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.clicks import CLICKS
from lakehouse.domains.clicks.domain import EVENTS
from lakehouse.domains.settings import Settings, load
from pyspark_jobs.clicks import users
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.ingest import command, ingest
from pyspark_jobs.ingest.ingest import Intake, Overrides


def main(argv: list[str] | None = None) -> int:
    """Read both topics, by the trigger of the settings or `--once`; 0 when all went well."""
    return command.main(main, "clicks_ingest", load, _starts, argv)


def _starts(job: Job[Settings], every: float | None, leave: Overrides) -> list[Start]:
    clicks = Intake(EVENTS, job.settings.domain(CLICKS.name))
    changes = partial(users.start, job.spark, job.settings, job.clock, every, leave.lost_messages)
    return [*ingest.starts(job.spark, job.settings, job.clock, [clicks], every, leave), changes]


if __name__ == "__main__":
    sys.exit(main())
