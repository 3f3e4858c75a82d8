"""How the fraud forest is trained beside the queries, in their session, when somebody asks."""

from __future__ import annotations

import logging

from pyspark.sql import SparkSession

from lakehouse.clock import Clock
from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.cards.names import NAME
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry
from pyspark_jobs.training.requests import Answer, Request
from pyspark_jobs.training.trainer import Course, Trainer

LOG = logging.getLogger(__name__)


def trainer(spark: SparkSession, settings: Settings, clock: Clock) -> Trainer:
    """The trainer of the pipeline; a request has no options."""

    def work(request: Request) -> Answer:
        # What only a training needs, as scikit-learn, takes longer to load than all the rest.
        from pyspark_jobs.cards.train import train

        found = train(spark, settings, open_registry(settings, FRAUD), LOG.info)
        return Answer(
            request.id, found.version.number, found.verdict.promoted, reason=found.verdict.reason
        )

    return Trainer(settings, clock, Course(NAME, work))
