"""How the bot detector is trained beside the queries, in their session, when somebody asks."""

from __future__ import annotations

import logging
from dataclasses import replace

from lakehouse.domains.clicks.domain import BOTS
from lakehouse.domains.clicks.names import NAME
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry
from pyspark_jobs.clicks.lessons import Lessons
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.training.requests import Answer, Request
from pyspark_jobs.training.trainer import Course, Trainer

LOG = logging.getLogger(__name__)


def train_first(job: Job[Settings]) -> None:
    """Train if there is no version yet. Raises as `train` does."""
    registry = open_registry(job.settings, BOTS)
    if not registry.versions():
        # What only a training needs, as scikit-learn, takes longer to load than all the rest.
        from pyspark_jobs.clicks.train import train

        train(job.spark, job.settings, registry, Lessons(job.clock.now()), LOG.info)


def trainer(job: Job[Settings]) -> Trainer:
    """The trainer of the pipeline; a request may have `users` and `seed` of the simulated shop."""

    def work(request: Request) -> Answer:
        # What only a training needs, as scikit-learn, takes longer to load than all the rest.
        from pyspark_jobs.clicks.train import train

        usual, options = Lessons(job.clock.now()), request.options
        users, seed = options.get("users", usual.users), options.get("seed", usual.seed)
        lessons = replace(usual, users=int(users), seed=int(seed))
        registry = open_registry(job.settings, BOTS)
        found = train(job.spark, job.settings, registry, lessons, LOG.info)
        return Answer(
            request.id, found.version.number, found.verdict.promoted, reason=found.verdict.reason
        )

    return Trainer(job.settings, job.clock, Course(NAME, work))
