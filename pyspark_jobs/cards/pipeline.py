"""All queries of the domain in one session; a first model is trained once there are frauds.

Later ones are trained when somebody asks.
"""

from __future__ import annotations

import logging
import threading
from functools import partial

from pyspark.sql import SparkSession

from lakehouse import progress
from lakehouse.clock import Clock
from lakehouse.domains.cards.domain import CARDS, FRAUD
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.progress import PipelineProgress
from lakehouse.registry import open_registry
from pyspark_jobs.cards import transform
from pyspark_jobs.cards.scoring import scoring_context
from pyspark_jobs.cards.trainer import trainer
from pyspark_jobs.engine.aside import Aside
from pyspark_jobs.engine.supervisor import Supervisor
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake
from pyspark_jobs.scoring import outcomes, score

LOG = logging.getLogger(__name__)
SERVICE = "cards-pipeline"
LOOK_AGAIN_S, LAST_WORDS_S = 10.0, 5.0


class Pipeline:
    """The life cycle of a pipeline process; its phase is written to `<state>/progress`."""

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        clock: Clock,
        stop: threading.Event,
        supervisor: Supervisor,
    ) -> None:
        self._spark, self._settings, self._clock, self._stop = spark, settings, clock, stop
        self._supervisor = supervisor
        self._registry = open_registry(settings, FRAUD)
        self._training: Aside[str] | None = None
        self._trainer = trainer(spark, settings, clock)
        self._look_at, self._scores = 0.0, False

    def run(self) -> None:
        """Serve until told to stop. Raises `StreamError` when a query fails."""
        every = self._settings.spark.trigger_seconds
        parts = self._spark, self._settings
        intakes = [Intake(feed, self._settings.cards) for feed in CARDS.feeds]
        for start in ingest.starts(*parts, self._clock, intakes, every):
            self._supervisor.add(start)
        self._supervisor.add(partial(transform.start, self._spark, self._settings, every))
        self._report("service", "")
        try:
            self._supervisor.serve(self._tend)
        finally:
            if self._training is not None:
                self._training.cancel(LAST_WORDS_S)
            self._trainer.close()
            self._report("stopped", "")

    def _tend(self) -> None:
        """Train the first model, start scoring once there is a champion, then train on request."""
        if self._scores:
            self._trainer.look()
            return
        if self._clock.monotonic() < self._look_at:
            return
        self._look_at = self._clock.monotonic() + LOOK_AGAIN_S
        if self._registry.champion() is not None:
            context = scoring_context(self._settings, self._registry, self._clock)
            for start in (score.start, outcomes.start):
                every = self._settings.spark.trigger_seconds
                self._supervisor.add(partial(start, self._spark, context, every))
            self._scores = True
        elif self._training is None:
            self._training = Aside(self._spark, "first model", self._train)
        elif self._training.is_done:
            LOG.info("first model: %s", self._training.result())
            self._training = None

    def _train(self) -> str:
        # What only a training needs, as scikit-learn, takes longer to load than all the rest.
        from pyspark_jobs.cards.train import train

        parts = self._spark, self._settings, self._registry
        try:
            return train(*parts, LOG.info).verdict.reason
        except ModelError as error:
            return str(error)

    def _report(self, phase: progress.Phase, detail: str) -> None:
        standing = PipelineProgress(phase, detail, self._clock.now())
        progress.write_pipeline(self._settings.state, standing, SERVICE)
