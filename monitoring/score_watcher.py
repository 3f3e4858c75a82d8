"""Feeds the detector with new scores from the predictions table."""

from __future__ import annotations

import logging
from collections import deque

import polars as pl

from lakehouse import store
from lakehouse.clock import Clock
from monitoring.online_detector import Notice, OnlineDetector

LOG = logging.getLogger(__name__)
KEPT = 20


class ScoreWatcher:
    """Reads new versions of the table at `uri`, starting with the one at the first look.

    `notices` are the latest anomalies, newest last.
    """

    def __init__(
        self, uri: str, score: str, clock: Clock, options: store.Options | None = None
    ) -> None:
        self._uri, self._score, self._options = uri, score, options
        self._clock = clock
        self._detector: OnlineDetector | None = None
        self._version: int | None = None
        self._looked = clock.now()
        self.notices: deque[Notice] = deque(maxlen=KEPT)

    def look(self) -> None:
        """Process what was scored since the last look, and log anomalies."""
        latest = store.version(self._uri, self._options)
        now = self._clock.now()
        if latest is None or self._version is None or latest < self._version:
            self._version, self._looked, self._detector = latest, now, None
            return
        if self._detector is None:
            self._detector = OnlineDetector()
        scores, read = self._fresh(self._version)
        minutes = (now - self._looked).total_seconds() / 60
        odd = self._detector.observe(scores, minutes, now)
        self._version, self._looked = read, now
        for notice in odd:
            LOG.warning("%s", notice.text)
            self.notices.append(notice)

    def _fresh(self, after: int) -> tuple[list[float], int]:
        """Scores made since the last look, and the version up to which they were read.

        That version may be later than the one found a moment ago. Rows whose label came later
        were scored before, so they do not count.
        """
        columns = (self._score, "scored_at")
        changed = store.changes(self._uri, after, self._options, columns)
        if not changed.frame.height:
            return [], changed.version
        recent = changed.frame.filter(
            pl.col("scored_at") > pl.lit(self._looked, pl.Datetime("us", "UTC"))
        )
        return recent[self._score].to_list(), changed.version
