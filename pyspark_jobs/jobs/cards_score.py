"""Features to predictions, verdicts to labels: `spark-submit ... cards_score.py`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.settings import load
from lakehouse.registry import open_registry
from pyspark_jobs.cards.scoring import scoring_context
from pyspark_jobs.engine import queries, runtime
from pyspark_jobs.scoring import outcomes, score


def main(argv: list[str] | None = None) -> int:
    """Score by the trigger of the settings, or `--once`; 0 when all went well."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--once", action="store_true", help="read what is there, then end")
    options = parser.parse_args(argv)
    with runtime.job("cards_score", load) as job:
        every = None if options.once else queries.interval(job.settings.spark)
        registry = open_registry(job.settings, FRAUD)
        context = scoring_context(job.settings, registry, job.clock)
        job.supervisor.add(partial(score.start, job.spark, context, every))
        job.supervisor.add(partial(outcomes.start, job.spark, context, every))
        job.run(every)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
