"""The domain's queries, in the form that a job supervises."""

from __future__ import annotations

from functools import partial

from lakehouse.domains.fraud.domain import CARDS, EVENTS, TRUTH
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.fraud import join, score
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import NOTHING, Intake, Overrides


def ingests(
    job: Job[Settings], every_seconds: float | None, leave: Overrides = NOTHING
) -> list[Start]:
    """Events and truth, each from its topic into bronze and quarantine."""
    intakes = [Intake(feed, job.settings.fraud) for feed in (EVENTS, TRUTH)]
    return ingest.starts(job.spark, job.settings, job.clock, intakes, every_seconds, leave)


def scoring(job: Job[Settings], every_seconds: float | None) -> Start:
    """Events to predictions, and into the online learner."""
    settings = job.settings
    registry = open_registry(settings, CARDS)
    return partial(
        score.start, job.spark, settings, settings.fraud, registry, job.clock, every_seconds
    )


def joining(job: Job[Settings], every_seconds: float | None) -> Start:
    """Predictions and truth to joined rows."""
    settings = job.settings
    every = None if every_seconds is None else max(every_seconds, settings.fraud.join_seconds)
    return partial(join.start, job.spark, settings, settings.fraud, job.clock, every)
