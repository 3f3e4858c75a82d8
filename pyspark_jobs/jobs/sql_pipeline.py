"""A domain's SQL files: `spark-submit ... pyspark_jobs/jobs/sql_pipeline.py run clicks`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains import DOMAINS
from lakehouse.domains import domain as named
from lakehouse.domains.settings import load
from pyspark_jobs.engine import command, queries, runtime
from pyspark_jobs.sql import tasks
from pyspark_jobs.sql.service import SqlService


def main(argv: list[str] | None = None) -> int:
    """Do one task with the files; 0 when all went well."""
    parser = command.parser_of(main)
    parser.add_argument("task", choices=("run", *tasks.TASKS, "replay"))
    parser.add_argument("domain", choices=[one.name for one in DOMAINS])
    parser.add_argument("--from", dest="begin", type=datetime.fromisoformat)
    parser.add_argument("--to", dest="end", type=datetime.fromisoformat)
    chosen = parser.parse_args(argv)
    with runtime.job(f"sql_{chosen.task}", load) as job:
        domain = named(chosen.domain)
        if chosen.task == "run":
            every = None if chosen.once else queries.interval(job.settings.spark)
            SqlService(job, domain).run(every)
        else:
            span = (chosen.begin, chosen.end)
            desk = tasks.Desk(job.spark, job.settings, domain, DOMAINS)
            job.exit_code = tasks.run(chosen.task, desk, span)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
