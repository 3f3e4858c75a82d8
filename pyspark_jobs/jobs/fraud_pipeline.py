"""All streaming jobs of card fraud in one session, for one machine."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.settings import load
from pyspark_jobs.engine import command, runtime
from pyspark_jobs.fraud import pipeline
from pyspark_jobs.fraud.trainer import trainer
from pyspark_jobs.ingest import fast_json


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; 0 when stopped, 1 when a query failed."""
    command.plain_parser_of(main).parse_args(argv)
    fast_json.compile_ahead()
    with runtime.job("fraud_pipeline", load) as job:
        every = job.settings.spark.trigger_seconds
        for start in pipeline.ingests(job, every):
            job.supervisor.add(start)
        job.supervisor.add(pipeline.scoring(job, every))
        job.supervisor.add(pipeline.joining(job, every))
        training = trainer(job)
        job.run(every, service="fraud-pipeline", each_round=training.look)
        training.close()
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
