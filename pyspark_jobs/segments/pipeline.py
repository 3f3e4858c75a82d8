"""All of the domain's queries in one session; first models are trained once there are weeks."""

from __future__ import annotations

import logging
import threading
from functools import partial

from pyspark.sql import SparkSession

from lakehouse import progress
from lakehouse.clock import Clock
from lakehouse.domains.segments.domain import PURCHASES
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.progress import PipelineProgress
from pyspark_jobs.engine.aside import Aside
from pyspark_jobs.engine.supervisor import Start, Supervisor
from pyspark_jobs.ingest import ingest
from pyspark_jobs.ingest.ingest import Intake
from pyspark_jobs.scoring import outcomes, score
from pyspark_jobs.segments import assign, transform
from pyspark_jobs.segments.scoring import registries, scoring_contexts

LOG = logging.getLogger(__name__)
SERVICE = "segments-pipeline"
LOOK_AGAIN_S, LAST_WORDS_S = 10.0, 5.0


def scoring_starts(
    spark: SparkSession, settings: Settings, clock: Clock, every: float | None
) -> list[Start]:
    """The queries that need champions: predictions, their labels, and segments."""
    contexts = scoring_contexts(settings, clock)
    scoring = [partial(score.start, spark, context, every) for context in contexts]
    labelling = [partial(outcomes.start, spark, context, every) for context in contexts]
    return [*scoring, *labelling, partial(assign.start, spark, settings, every)]


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
        self._supervisor, self._registries = supervisor, registries(settings)
        self._training: Aside[str] | None = None
        self._look_at, self._scores = 0.0, False

    def run(self) -> None:
        """Serve until told to stop. Raises `StreamError` when a query fails."""
        every = self._settings.spark.trigger_seconds
        intake = Intake(PURCHASES, self._settings.segments)
        begin = partial(ingest.start, self._spark, self._settings, intake, self._clock, every)
        self._supervisor.add(begin)
        self._supervisor.add(partial(transform.start, self._spark, self._settings, every))
        self._report("service")
        try:
            self._supervisor.serve(self._tend)
        finally:
            if self._training is not None:
                self._training.cancel(LAST_WORDS_S)
            self._report("stopped")

    def _tend(self) -> None:
        """Start scoring once every model has a champion, and train the first ones."""
        if self._scores or self._clock.monotonic() < self._look_at:
            return
        self._look_at = self._clock.monotonic() + LOOK_AGAIN_S
        if all(one.champion() for one in self._registries.values()):
            every = self._settings.spark.trigger_seconds
            for start in scoring_starts(self._spark, self._settings, self._clock, every):
                self._supervisor.add(start)
            self._scores = True
        elif self._training is None:
            self._training = Aside(self._spark, "first models", self._train)
        elif self._training.is_done:
            LOG.info("first models: %s", self._training.result())
            self._training = None

    def _train(self) -> str:
        # What only a training needs, as scikit-learn, takes longer to load than all the rest.
        from pyspark_jobs.segments.train_models import train

        try:
            found = train(self._spark, self._settings, self._registries, LOG.info)
        except ModelError as error:
            return str(error)
        return "; ".join(map(str, found))

    def _report(self, phase: progress.Phase) -> None:
        standing = PipelineProgress(phase, "", self._clock.now())
        progress.write_pipeline(self._settings.state, standing, SERVICE)
