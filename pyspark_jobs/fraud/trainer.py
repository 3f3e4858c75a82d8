"""How card fraud trains beside its queries: on request, or every so many hours."""

from __future__ import annotations

import logging

from lakehouse.domains.fraud.domain import CARDS
from lakehouse.domains.fraud.names import NAME
from lakehouse.domains.settings import Settings
from lakehouse.errors import CdrlakeError
from lakehouse.registry import open_registry
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.fraud import control, metadata
from pyspark_jobs.training.requests import Answer, Request
from pyspark_jobs.training.trainer import Course, Trainer

LOG = logging.getLogger(__name__)


def trainer(job: Job[Settings]) -> Trainer:
    """The trainer of the pipeline; first it announces what an earlier process left unannounced."""

    def begin() -> None:
        _announce(job.settings)

    def work(request: Request) -> Answer:
        # What only a training needs, as scikit-learn, takes longer to load than all the rest.
        from pyspark_jobs.fraud.train import train

        registry = open_registry(job.settings, CARDS)
        found = train(job.spark, job.settings, registry, job.clock, LOG.info)
        return Answer(
            request.id, found.version.number, found.verdict.promoted, found.dataset_version,
            found.verdict.reason,
        )  # fmt: skip

    hours = job.settings.fraud.retrain_hours
    return Trainer(job.settings, job.clock, Course(NAME, work, begin, hours))


def _announce(settings: Settings) -> None:
    metadata.begin(settings)
    try:
        for number in control.announce_missing(settings, open_registry(settings, CARDS)):
            LOG.info("version %d is announced", number)
    except CdrlakeError as error:
        LOG.warning("versions may not have been announced: %s", error)
