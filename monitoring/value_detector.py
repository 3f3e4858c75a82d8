"""Watches a feature event by event for a lasting shift, with a stated budget of false alarms.

Both detectors see what is left of a value once the usual level and spread of its weekday and month
are taken out, within four standard deviations. Given raw amounts they fire on noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import polars as pl

# At most one false alarm in this many events, for both detectors together; bench measures it.
EVENTS_PER_FALSE_ALARM = 100_000
ADWIN_DELTA, ADWIN_CLOCK = 1e-5, 16
PAGE_HINKLEY_DELTA, PAGE_HINKLEY_THRESHOLD, WARM_UP = 0.1, 50.0, 500
# With the usual 0.9999 the sum stops falling after some 10,000 events, and noise alone reaches any
# threshold.
NO_FORGETTING = 1.0
LIMIT = 4.0
# A weekday of a month with fewer values has the level of all.
LEAST = 50
Detector = Literal["ADWIN", "Page-Hinkley"]


@dataclass(frozen=True)
class Usual:
    """Mean and standard deviation of a feature: overall, and by (weekday, month)."""

    mean: float
    spread: float
    by_season: dict[tuple[int, int], tuple[float, float]]

    def left(self, value: float, day: date) -> float:
        """What is left of a value of that day, in standard deviations, from -4 to 4."""
        season = (day.weekday(), day.month)
        mean, spread = self.by_season.get(season, (self.mean, self.spread))
        return min(max((value - mean) / spread, -LIMIT), LIMIT)


def usual(values: Sequence[float], days: Sequence[date]) -> Usual:
    """The usual level of a feature, from values that no drift is looked for in.

    Amounts and counts should come as logarithms. Raises `ValueError` without two values.
    """
    if len(values) < 2:
        raise ValueError(f"the usual level needs two values or more, but got {len(values)}")
    frame = pl.DataFrame({"value": values, "day": days}).with_columns(
        weekday=pl.col("day").dt.weekday() - 1, month=pl.col("day").dt.month()
    )
    mean, spread = float(np.mean(values)), float(np.std(values)) or 1.0
    seasons = frame.group_by("weekday", "month").agg(
        mean=pl.col("value").mean(), spread=pl.col("value").std(), n=pl.len()
    )
    known = seasons.filter((pl.col("n") >= LEAST) & (pl.col("spread") > 0))
    levels = {(w, m): (at, by) for w, m, at, by, _ in known.iter_rows()}
    return Usual(mean, spread, levels)


class ValueDetector:
    """ADWIN (Bifet and Gavalda 2007) and Page-Hinkley (Page 1954) on one feature."""

    def __init__(self, level: Usual) -> None:
        from river import drift

        self._level = level
        self._adwin: Any = drift.ADWIN(delta=ADWIN_DELTA, clock=ADWIN_CLOCK)
        self._page_hinkley: Any = drift.PageHinkley(
            min_instances=WARM_UP,
            delta=PAGE_HINKLEY_DELTA,
            threshold=PAGE_HINKLEY_THRESHOLD,
            alpha=NO_FORGETTING,
        )

    def observe(self, value: float, day: date) -> list[Detector]:
        """The detectors that see a shift at this event; Page-Hinkley then begins anew."""
        left = self._level.left(value, day)
        self._adwin.update(left)
        self._page_hinkley.update(left)
        found: list[Detector] = []
        if self._adwin.drift_detected:
            found.append("ADWIN")
        if self._page_hinkley.drift_detected:
            found.append("Page-Hinkley")
        return found
