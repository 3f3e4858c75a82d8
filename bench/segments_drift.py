"""How often the value detectors are wrong on real values in random order, and how soon right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from bench.segments_data import Study
from monitoring.value_detector import ValueDetector, usual

QUIET, WITHIN, SHIFT = 2_000, 500, 0.3


@dataclass(frozen=True)
class Drift:
    """Events in random order with the alarms they gave, and the shifts with those found in time.

    `delay` is the median number of events until a shift was found.
    """

    events: int
    false_alarms: int
    trials: int
    found: int
    delay: float


def drift(study: Study, events: int, trials: int, seed: int = 0) -> Drift:
    """Shuffled logarithms of amounts, each with its own day; shifts of 0.3 standard deviations."""
    bought = study.purchases.filter(pl.col("amount") > 0).select(
        pl.col("amount").cast(pl.Float64).log1p().alias("value"), "date"
    )
    level, rng = (
        usual(bought["value"].to_list(), bought["date"].to_list()),
        np.random.default_rng(seed),
    )
    days, values = bought["date"].to_list(), bought["value"].to_numpy()

    def alarms(count: int, shift: float, detector: ValueDetector) -> list[int]:
        chosen = rng.permutation(np.arange(count) % len(values)) if count >= len(values) else (
            rng.choice(len(values), count, replace=False)
        )  # fmt: skip
        moved = values + shift * level.spread
        return [n for n, at in enumerate(chosen) if detector.observe(moved[at], days[at])]

    false = len(alarms(events, 0.0, ValueDetector(level)))
    delays = []
    for _ in range(trials):
        detector = ValueDetector(level)
        alarms(QUIET, 0.0, detector)
        delays.append(min([*alarms(WITHIN, SHIFT, detector), WITHIN * 2]))
    found = [one for one in delays if one < WITHIN]
    return Drift(events, false, trials, len(found), float(np.median(delays)))
