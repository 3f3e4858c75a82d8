"""Training beside the queries of a pipeline, in their session: on request, or on a schedule."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from lakehouse.clock import Clock
from lakehouse.errors import CdrlakeError
from lakehouse.settings import Settings
from pyspark_jobs.training import requests
from pyspark_jobs.training.requests import Answer, Request

LOG = logging.getLogger(__name__)
SCHEDULED = "scheduled"
_HOUR_S = 3_600.0


@dataclass(frozen=True)
class Course:
    """How a domain trains.

    `train` trains a version as asked, `begin` is done once before the first training. With
    `every_hours`, a training begins whenever so many hours have passed since the last one began.
    """

    domain: str
    train: Callable[[Request], Answer]
    begin: Callable[[], None] = lambda: None
    every_hours: float | None = None


class Trainer:
    """Trains in a thread, one training at a time; `look` is called again and again."""

    def __init__(self, settings: Settings, clock: Clock, course: Course) -> None:
        self._settings, self._clock, self._course = settings, clock, course
        self._thread: threading.Thread | None = None
        self._last = clock.monotonic()

    def look(self) -> None:
        """Begin a training if one was asked for or is due, and none is running."""
        if self._thread is None:
            self._start(self._course.begin)
        if self._thread is not None and self._thread.is_alive():
            return
        request = requests.asked(self._settings, self._course.domain)
        if request is None and not self._is_due():
            return
        self._last = self._clock.monotonic()
        requests.take(self._settings, self._course.domain)
        self._start(partial(self._train, request or Request(SCHEDULED)))

    def close(self) -> None:
        """Wait a moment for a training that is under way; it is repeated on the next request."""
        if self._thread is not None:
            self._thread.join(1.0)

    def _start(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work, name="training", daemon=True)
        self._thread.start()

    def _is_due(self) -> bool:
        hours = self._course.every_hours
        return hours is not None and self._clock.monotonic() - self._last >= hours * _HOUR_S

    def _train(self, request: Request) -> None:
        try:
            told = self._course.train(request)
        except CdrlakeError as error:
            LOG.warning("no training: %s", error)
            told = Answer(request.id, reason=str(error))
        except Exception as error:  # the queries go on, and whoever asked is told
            LOG.exception("the training failed")
            told = Answer(request.id, reason=f"{type(error).__name__}: {error}")
        requests.answer(self._settings, self._course.domain, told)
