"""Feeds the detector with the scores that are new in the predictions table."""

from __future__ import annotations

import logging
from collections import deque

import polars as pl

from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.names import table_uri
from monitoring.online_detector import Notice, OnlineDetector

LOG = logging.getLogger(__name__)
KEPT = 20


class ScoreWatcher:
    """Looks at new versions of the table, from the one that was there at the first look on.

    `notices` are the latest oddities, the newest last.
    """

    def __init__(self, lake_uri: str, clock: Clock, options: store.Options | None = None) -> None:
        self._uri = table_uri(lake_uri, names.PREDICTIONS)
        self._options = options
        self._clock = clock
        self._detector: OnlineDetector | None = None
        self._version: int | None = None
        self._looked = clock.now()
        self.notices: deque[Notice] = deque(maxlen=KEPT)

    def look(self) -> None:
        """Take in what was scored since the last look, and log what is odd about it."""
        latest = store.version(self._uri, self._options)
        now = self._clock.now()
        if latest is None or self._version is None or latest < self._version:
            self._version, self._looked, self._detector = latest, now, None
            return
        if self._detector is None:
            self._detector = OnlineDetector()
        minutes = (now - self._looked).total_seconds() / 60
        odd = self._detector.observe(self._fresh(latest), minutes, now)
        self._version, self._looked = latest, now
        for notice in odd:
            LOG.warning("%s", notice.text)
            self.notices.append(notice)

    def _fresh(self, latest: int) -> list[float]:
        """Scores of rows scored since the last look; labels that came later do not count."""
        if latest == self._version or self._version is None:
            return []
        columns = ("probability_1", "scored_at")
        changed = store.changes(self._uri, self._version, self._options, columns).frame
        if not changed.height:
            return []
        recent = changed.filter(
            pl.col("scored_at") > pl.lit(self._looked, pl.Datetime("us", "UTC"))
        )
        return recent["probability_1"].to_list()
