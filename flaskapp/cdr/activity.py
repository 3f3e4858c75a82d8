"""Who was active on which of the last days, and the outcomes that follow from it.

One byte per subscriber and day: a million subscribers and a horizon of thirty days take 37 MB.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from lakehouse.domains.cdr.contracts import LABEL
from lakehouse.domains.cdr.settings import CdrSettings

NUMBER = "DP_MSISDN"
ROOM = 1_024


class Activity:
    """A window of days that advances with each `add`, long enough to decide one day's outcomes."""

    def __init__(self, cdr: CdrSettings) -> None:
        self._horizon, self._window = cdr.label_horizon_days, cdr.active_window_days
        span = self._horizon + self._window
        self._dates: list[date | None] = [None] * span
        self._active: npt.NDArray[np.bool_] = np.zeros((span, ROOM), np.bool_)
        self._slots = pl.DataFrame(schema={NUMBER: pl.String, "slot": pl.Int64})

    def add(self, day: date, numbers: pl.Series) -> None:
        """Record who was active on `day`; days arrive in order."""
        row = day.toordinal() % len(self._dates)
        slots = self._slots_of(numbers)
        self._dates[row] = day
        self._active[row] = False
        self._active[row, slots] = True

    def outcomes(self, day: date) -> pl.DataFrame:
        """DP_MSISDN and PSEUDO_CHURNED of everyone active in the days up to `day`, sorted.

        The days added must reach to the end of the horizon after `day`.
        """
        before = self._any(day - timedelta(days=self._window - 1), day)
        after = self._any(day + timedelta(days=1), day + timedelta(days=self._horizon))
        seen = np.flatnonzero(before[: self._slots.height])
        silent = (~after[seen]).astype(np.int64)
        return pl.DataFrame({NUMBER: self._slots[NUMBER].gather(seen), LABEL: silent}).sort(NUMBER)

    def _any(self, first: date, last: date) -> npt.NDArray[np.bool_]:
        rows = [n for n, day in enumerate(self._dates) if day is not None and first <= day <= last]
        found: npt.NDArray[np.bool_] = np.logical_or.reduce(self._active[rows], axis=0)
        return found

    def _slots_of(self, numbers: pl.Series) -> npt.NDArray[np.int64]:
        asked = pl.DataFrame({NUMBER: numbers.unique(maintain_order=True)})
        fresh = asked.join(self._slots, on=NUMBER, how="anti")
        if fresh.height:
            first = self._slots.height
            slots = pl.int_range(first, first + fresh.height, eager=True)
            self._slots = pl.concat([self._slots, fresh.with_columns(slot=slots)], rechunk=True)
            self._make_room()
        found: npt.NDArray[np.int64] = asked.join(self._slots, on=NUMBER)["slot"].to_numpy()
        return found

    def _make_room(self) -> None:
        days, room = self._active.shape
        if self._slots.height > room:
            more = max(self._slots.height - room, room)
            self._active = np.hstack([self._active, np.zeros((days, more), np.bool_)])
