"""Bronze to silver and gold: `spark-submit ... pyspark_jobs/jobs/cdr_transform.py`.

With dates, it writes `Processed_Data` for them and ends. If another process keeps gold up to date,
it uses gold as it is; otherwise it catches up first.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse import periods
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import load
from pyspark_jobs.cdr import processed, transform
from pyspark_jobs.engine import command, queries, query_lock, runtime


def main(argv: list[str] | None = None) -> int:
    """Stream, or with dates write `Processed_Data` for them; 0 when all went well."""
    parser = command.parser_of(main)
    parser.add_argument("--config", type=Path, help="a file with processed_start, processed_end")
    parser.add_argument("--start-date", help="first date to prepare, YYYY-MM-DD")
    parser.add_argument("--end-date", help="last date to prepare, YYYY-MM-DD")
    options = parser.parse_args(argv)
    dates = options.config, options.start_date, options.end_date
    with runtime.job("cdr_transform", load) as job:
        period = periods.choose(*dates) if any(dates) else None
        every = None if options.once or period else queries.interval(job.settings.spark)
        if not (period and query_lock.is_taken(names.TRANSFORM, job.settings.lake_uri)):
            job.supervisor.add(partial(transform.start, job.spark, job.settings, job.clock, every))
            job.run(every)
        if period:
            processed.write(job.settings, period, job.clock)
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
