"""All queries of clicks in one session: ingest, users, and the SQL files; a first model before."""

from __future__ import annotations

import logging
import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.clicks import CLICKS
from lakehouse.domains.clicks.domain import EVENTS
from lakehouse.domains.settings import load
from pyspark_jobs.clicks import users
from pyspark_jobs.clicks.trainer import train_first, trainer
from pyspark_jobs.engine import command, queries, runtime
from pyspark_jobs.ingest import fast_json, ingest
from pyspark_jobs.ingest.ingest import Intake, Overrides
from pyspark_jobs.sql.service import SqlService

LOG = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Run by the trigger of the settings, or `--once`; 0 when stopped or done."""
    parser = command.parser_of(main)
    parser.add_argument("--accept-loss", action="store_true", help="go on past a gap, on record")
    options = parser.parse_args(argv)
    if options.accept_loss and not options.once:
        parser.error("--accept-loss needs --once")
    fast_json.compile_ahead()
    with runtime.job("clicks_pipeline", load) as job:
        train_first(job)
        every = None if options.once else queries.interval(job.settings.spark)
        parts = job.spark, job.settings
        leave = Overrides(lost_messages=options.accept_loss)
        intake = Intake(EVENTS, job.settings.domain(CLICKS.name))
        job.supervisor.add(partial(ingest.start, *parts, intake, job.clock, every, leave))
        job.supervisor.add(partial(users.start, *parts, job.clock, every, options.accept_loss))
        if every is None:
            job.supervisor.run_to_end()  # the SQL reads what these have written
        training = trainer(job)
        SqlService(job, CLICKS).run(every, "clicks-pipeline", training.look)
        training.close()
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
