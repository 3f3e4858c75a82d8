"""Features as small integers: how many thresholds of its feature lie below a value.

A forest grown on these bins is one over the values themselves, because `bin <= k` means exactly
`value <= cuts[k]`. The bins take an eighth of the memory, and a tree sorts them faster.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lakehouse.models.forest import Floats

Bins = npt.NDArray[np.uint8]
Cuts = tuple[Floats, ...]
# A scorer compares every value with all thresholds of its feature, so more of them cost time.
LEVELS = 32


def find_cuts(rows: Floats) -> Cuts:
    """The thresholds of each column, in increasing order, at most `LEVELS` - 1 of them.

    They lie between all neighbouring values where there are few, otherwise where equal shares of
    the rows end. A value that fills more than one share counts as one, so that a feature that is
    mostly zero still has its other values told apart. NaN and infinities are left out.
    """
    return tuple(_cuts(column[np.isfinite(column)]) for column in rows.T)


def binned(rows: Floats, cuts: Cuts) -> Bins:
    """The bin of each value; NaN is in the last one, as a forest sends it right everywhere."""
    bins = np.empty(rows.shape, np.uint8)
    for number, edges in enumerate(cuts):
        bins[:, number] = np.searchsorted(edges, rows[:, number], side="left")
    return bins


def _cuts(column: Floats) -> Floats:
    values, counts = np.unique(column, return_counts=True)
    last = np.arange(len(values) - 1)
    if len(values) > LEVELS:
        share = len(column) / LEVELS
        reached = np.cumsum(np.minimum(counts, share))
        ends = reached[-1] * np.arange(1, LEVELS) / LEVELS
        last = np.unique(np.searchsorted(reached, ends)).clip(max=len(values) - 2)
    return np.unique(values[last] / 2 + values[last + 1] / 2)
