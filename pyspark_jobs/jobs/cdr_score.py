"""Gold to predictions, outcomes to labels: `spark-submit ... pyspark_jobs/jobs/cdr_score.py`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings, load
from lakehouse.registry import open_registry
from pyspark_jobs.cdr.churn_scoring import scoring_context
from pyspark_jobs.engine import command
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.scoring import outcomes, score


def main(argv: list[str] | None = None) -> int:
    """Score by the trigger of the settings, or `--once`; 0 when all went well."""
    return command.main(main, "cdr_score", load, _starts, argv)


def _starts(job: Job[Settings], every: float | None) -> list[Start]:
    context = scoring_context(job.settings, open_registry(job.settings, CHURN), job.clock)
    return [partial(query.start, job.spark, context, every) for query in (score, outcomes)]


if __name__ == "__main__":
    sys.exit(main())
