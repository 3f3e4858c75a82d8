"""All streaming jobs in one session, for one machine."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.settings import load
from pyspark_jobs.cdr.pipeline import Pipeline
from pyspark_jobs.engine import command, runtime
from pyspark_jobs.ingest import fast_json


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 0 when stopped, 1 when a query failed."""
    command.plain_parser_of(main).parse_args(argv)
    fast_json.compile_ahead()
    with runtime.job("cdr_pipeline", load) as job:
        Pipeline(job.spark, job.settings, job.clock, job.stop, job.supervisor).run()
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
