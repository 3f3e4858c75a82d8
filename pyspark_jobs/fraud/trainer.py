"""Training beside the queries, in their session: on request, or every so many hours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from lakehouse.domains.fraud.domain import CARDS
from lakehouse.domains.settings import Settings
from lakehouse.errors import CdrlakeError
from lakehouse.registry import open_registry
from pyspark_jobs.engine.runtime import Job
from pyspark_jobs.fraud import control, metadata, requests
from pyspark_jobs.fraud.requests import Answer
from pyspark_jobs.fraud.train import train

LOG = logging.getLogger(__name__)
SCHEDULED = "scheduled"
_HOUR_S = 3_600.0


class Trainer:
    """Trains in a thread, one training at a time; `look` is called again and again.

    The first thing that the thread does is to announce what an earlier process left unannounced.
    """

    def __init__(self, job: Job[Settings]) -> None:
        self._job = job
        self._thread: threading.Thread | None = None
        self._last = job.clock.monotonic()

    def look(self) -> None:
        """Begin a training if one was asked for or is due, and none is running."""
        if self._thread is None:
            self._begin(self._announce)
        if self._thread is not None and self._thread.is_alive():
            return
        request = requests.asked(self._job.settings)
        if request is None and not self._is_due():
            return
        self._last = self._job.clock.monotonic()
        requests.take(self._job.settings)
        self._begin(partial(self._train, request or SCHEDULED))

    def close(self) -> None:
        """Wait a moment for a training that is under way; it is repeated on the next request."""
        if self._thread is not None:
            self._thread.join(1.0)

    def _begin(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work, name="training", daemon=True)
        self._thread.start()

    def _announce(self) -> None:
        metadata.begin(self._job.settings)
        try:
            registry = open_registry(self._job.settings, CARDS)
            for number in control.announce_missing(self._job.settings, registry):
                LOG.info("version %d is announced", number)
        except CdrlakeError as error:
            LOG.warning("versions may not have been announced: %s", error)

    def _is_due(self) -> bool:
        hours = self._job.settings.fraud.retrain_hours
        return hours is not None and self._job.clock.monotonic() - self._last >= hours * _HOUR_S

    def _train(self, request: str) -> None:
        job = self._job
        try:
            registry = open_registry(job.settings, CARDS)
            found = train(job.spark, job.settings, registry, job.clock, LOG.info)
            told = Answer(
                request, found.version.number, found.verdict.promoted, found.dataset_version,
                found.verdict.reason,
            )  # fmt: skip
        except CdrlakeError as error:
            LOG.warning("no training: %s", error)
            told = Answer(request, reason=str(error))
        except Exception as error:  # the queries go on, and whoever asked is told
            LOG.exception("the training failed")
            told = Answer(request, reason=f"{type(error).__name__}: {error}")
        requests.answer(job.settings, told)
