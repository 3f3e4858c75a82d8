"""Watches scores and volume row by row between runs: gives quick warnings, not findings.

ADWIN compares the latest scores with the earlier ones, and Page-Hinkley does so for the rows per
minute. Both are tuned so that the noise of a steady stream does not trigger them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Any

SCORE_DELTA = 1e-6
SCORE_CLOCK = 64
VOLUME_THRESHOLD = 6.0
VOLUME_DELTA = 0.25
VOLUME_WARM_UP = 15
SAMPLE = 2_000
RECENT = 500


@dataclass(frozen=True)
class Notice:
    """What changed, and when it was noticed."""

    at: datetime
    what: str
    text: str


class OnlineDetector:
    """Takes each batch of new scores, and reports what is odd about it."""

    def __init__(self) -> None:
        from river import drift

        self._drift: Any = drift
        self._scores = drift.ADWIN(delta=SCORE_DELTA, clock=SCORE_CLOCK)
        self._volume = self._volume_detector()
        self._recent: deque[float] = deque(maxlen=RECENT)

    def observe(self, scores: Sequence[float], minutes: float, at: datetime) -> list[Notice]:
        """Process the rows of the last `minutes`; if very many, an even sample of their scores."""
        sample = scores[:: max(1, len(scores) // SAMPLE)]
        notices = [notice for score in sample if (notice := self._score(score, at))]
        odd = self._rate(len(scores) / minutes, at) if minutes > 0 else None
        return [*notices, odd] if odd else notices

    def _score(self, score: float, at: datetime) -> Notice | None:
        before = self._scores.estimation
        self._recent.append(score)
        self._scores.update(score)
        if not self._scores.drift_detected:
            return None
        text = f"scores moved from a mean of {before:.3f} to {fmean(self._recent):.3f}"
        return Notice(at, "scores", text)

    def _rate(self, rate: float, at: datetime) -> Notice | None:
        self._volume.update(math.log1p(rate))
        if not self._volume.drift_detected:
            return None
        self._volume = self._volume_detector()
        return Notice(at, "volume", f"{rate:,.0f} rows a minute, which is not the usual volume")

    def _volume_detector(self) -> Any:
        return self._drift.PageHinkley(
            min_instances=VOLUME_WARM_UP, delta=VOLUME_DELTA, threshold=VOLUME_THRESHOLD
        )
