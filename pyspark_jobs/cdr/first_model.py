"""The first champion: when to train one, and the training alongside the running queries."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from pyspark.sql import SparkSession

from lakehouse.clock import Clock
from lakehouse.domains.settings import Settings
from lakehouse.errors import ModelError
from lakehouse.progress import Phase
from lakehouse.registry import Registry, gates
from lakehouse.retry import Backoff
from pyspark_jobs.engine import failures
from pyspark_jobs.engine.aside import Aside

LOG = logging.getLogger(__name__)
# A version that the gates refused is not followed by the same one; by then there are new days.
AFTER_REFUSAL = timedelta(hours=1)
TRAIN_AGAIN_S = 60.0
LAST_WORDS_S = 5.0
Report = Callable[[Phase, str], None]


def waits_for(registry: Registry, now: datetime) -> str | None:
    """Why no training is due at the moment; None when one is due."""
    if registry.champion() is not None:
        return "there is a champion"
    newest = max(registry.versions(), key=lambda version: version.number, default=None)
    if newest is None:
        return None
    verdict = newest.verdicts[-1] if newest.verdicts else "not judged yet"
    said = f"version {newest.number}, {verdict}"
    if verdict.endswith(gates.AWAITS_APPROVAL) and newest.approved_by is None:
        return said
    return said if now - newest.created_at < AFTER_REFUSAL else None


class FirstModel:
    """Looks for a champion, trains one if there is none, and reports once it has arrived.

    Everything slow runs in a thread. An unreachable registry or object store is tried again later;
    with too few rows, it looks again after a minute.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        registry: Registry,
        clock: Clock,
        stop: threading.Event,
        report: Report,
    ) -> None:
        self._spark, self._settings, self._registry = spark, settings, registry
        self._clock, self._stop, self._report = clock, stop, report
        self._backoff = Backoff(clock, stop)
        self._search: Aside[str] | None = None
        self._due, self._is_there = 0.0, False

    def has_arrived(self) -> bool:
        """Whether a champion has appeared since the last call; true once.

        Never blocks. Raises the error that ended a training, unless another attempt may succeed.
        """
        if self._is_there:
            return False
        if self._search is None:
            if self._clock.monotonic() >= self._due:
                self._search = Aside(self._spark, "first model", self._seek)
            return False
        if not self._search.is_done:
            return False
        search, self._search = self._search, None
        lacks = self._outcome(search)
        self._is_there = not lacks
        if lacks:
            self._report("service", f"no model yet: {lacks}")
        return self._is_there

    def close(self) -> None:
        """Stop a training that is still running."""
        if self._search is not None:
            self._search.cancel(LAST_WORDS_S)

    def _outcome(self, search: Aside[str]) -> str:
        """What is still missing for a champion, and when to look again; empty if nothing is."""
        try:
            lacks = search.result()
        except Exception as error:
            text = failures.text_of(error)
            if not failures.is_transient(text):
                raise
            self._due = self._clock.monotonic() + self._backoff.next_s
            self._backoff.failures += 1
            LOG.warning("the first model waits for a service: %s", failures.summary(text))
            return failures.summary(text)
        self._backoff.reset()
        self._due = self._clock.monotonic() + TRAIN_AGAIN_S
        return lacks

    def _seek(self) -> str:
        if self._registry.champion() is not None:
            return ""
        lacks = waits_for(self._registry, self._clock.now()) or self._attempt()
        return "" if self._registry.champion() is not None else lacks

    def _attempt(self) -> str:
        """Train once; returns the reason if no champion comes of it."""
        # What only a training needs, as scikit-learn, takes longer to load than all the rest.
        from pyspark_jobs.cdr.train import train

        self._say("training the first model")
        parts = self._spark, self._settings, self._registry, self._clock
        try:
            result = train(*parts, self._say)
        except ModelError as error:
            LOG.warning("no model yet: %s", error)
            return str(error)
        return f"version {result.version.number}, {result.verdict.reason}"

    def _say(self, detail: str) -> None:
        if not self._stop.is_set():  # the last word of a process that stops is not a training's
            self._report("train", detail)
