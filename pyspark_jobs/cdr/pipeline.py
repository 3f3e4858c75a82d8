"""All of the domain's queries in one session: catch up, train if there is no model, serve."""

from __future__ import annotations

import threading
from functools import partial

from pyspark.sql import SparkSession

from lakehouse import progress
from lakehouse.clock import Clock
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.progress import PipelineProgress
from lakehouse.registry import open_registry
from pyspark_jobs.cdr import transform
from pyspark_jobs.cdr.churn_scoring import scoring_context
from pyspark_jobs.cdr.feeds import intakes
from pyspark_jobs.cdr.first_model import FirstModel
from pyspark_jobs.engine.supervisor import Start, Supervisor
from pyspark_jobs.ingest import ingest
from pyspark_jobs.scoring import outcomes, score

LEVEL_SHARE = 0.02


class Pipeline:
    """The life cycle of a pipeline process; its phase is written to `<state>/progress`.

    Features are kept up to date once the backfill has ended. A first model is trained alongside,
    and scoring starts once there is one.
    """

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
        self._registry = open_registry(settings, CHURN)

    def run(self) -> None:
        """Catch up, then serve until told to stop. Raises `StreamError` when a query fails."""
        try:
            self._catch_up()
            if not self._stop.is_set():
                self._serve()
            self._report("stopped", "")
        except Exception as error:
            self._report("failed", str(error))
            raise

    def _catch_up(self) -> None:
        """Process what is available in rounds, until a round brings next to nothing new."""
        total, new = 0, 1
        while new > LEVEL_SHARE * total and not self._stop.is_set():
            self._report("backfill", f"reading Kafka, {total:,} messages so far")
            new = self._run_to_end(*self._ingest(None))
            total += new
            if new:
                self._report("backfill", f"computing features of {total:,} events")
                self._run_to_end(self._transform(None))

    def _run_to_end(self, *starts: Start) -> int:
        for start in starts:
            self._supervisor.add(start)
        return self._supervisor.run_to_end()

    def _serve(self) -> None:
        every = self._settings.spark.trigger_seconds
        for start in [*self._ingest(every), self._transform(every)]:
            self._supervisor.add(start)
        parts = self._spark, self._settings, self._registry, self._clock, self._stop
        model = FirstModel(*parts, self._report)
        try:
            self._supervisor.serve(lambda: self._score(every) if model.has_arrived() else None)
        finally:
            model.close()

    def _score(self, every_seconds: float) -> None:
        context = scoring_context(self._settings, self._registry, self._clock)
        for start in (score.start, outcomes.start):
            self._supervisor.add(partial(start, self._spark, context, every_seconds))
        self._report("service", "")

    def _ingest(self, every_seconds: float | None) -> list[Start]:
        feeds = intakes(self._settings, self._clock)
        return ingest.starts(self._spark, self._settings, self._clock, feeds, every_seconds)

    def _transform(self, every_seconds: float | None) -> Start:
        return partial(transform.start, self._spark, self._settings, self._clock, every_seconds)

    def _report(self, phase: progress.Phase, detail: str) -> None:
        standing = PipelineProgress(phase, detail, self._clock.now())
        progress.write_pipeline(self._settings.state, standing)
