"""The effect of a calendar date on usage: the week, pay-day, and the holiday season."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

from flaskapp.cdr.world.segments import SEGMENTS

SATURDAY = 5
PAYDAYS = (1, 2, 15, 16)
HOLIDAY_MONTHS = (7, 8, 12)
HOLIDAY_FACTOR = 1.6
# Share of usage by hour of the day, from midnight on.
HOURS = (1, 0.5, 0.3, 0.2, 0.2, 0.4, 1.2, 3, 5, 6, 6, 6, 7, 6, 5, 5, 6, 7, 8, 8, 7, 5, 3, 2)


def usage_factors(day: date) -> npt.NDArray[np.float32]:
    """Factor on usage of each segment, in the order of `SEGMENTS`."""
    weekend, payday = day.weekday() >= SATURDAY, day.day in PAYDAYS
    return np.array(
        [(s.weekend if weekend else 1.0) * (s.payday if payday else 1.0) for s in SEGMENTS],
        np.float32,
    )


def holiday_factor(day: date) -> float:
    """Factor on the probability of leaving for a holiday."""
    return HOLIDAY_FACTOR if day.month in HOLIDAY_MONTHS else 1.0


def time_of_day(slots: int = 4096) -> npt.NDArray[np.int32]:
    """Milliseconds since midnight at evenly spaced quantiles of a day's usage."""
    shares = np.cumsum([0.0, *HOURS])
    hours = np.interp((np.arange(slots) + 0.5) / slots, shares / shares[-1], np.arange(25))
    return (hours * 3_600_000).astype(np.int32)
