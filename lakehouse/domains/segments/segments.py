"""A segment is a type (how a card usually buys) and a state (how long it has been quiet)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

STATES = ("active", "pausing", "quiet")
# Quiet days from which the second and the third state begin.
STATE_DAYS = (7, 28)
# Slow features: a type is about what a card does in half a year, not in the last days.
TYPE_FEATURES = ("n", "amount", "merchants")
LEAST_SHARE = 0.07

Numbers = npt.NDArray[np.int32]


def state(recency: npt.NDArray[np.float64]) -> Numbers:
    """0, 1 or 2 for 0-6, 7-27 and 28 or more quiet days.

    >>> state(np.array([0.0, 6.0, 7.0, 27.0, 28.0])).tolist()
    [0, 0, 1, 1, 2]
    """
    return np.searchsorted(np.array(STATE_DAYS), recency, side="right").astype(np.int32)


def cell(kind: Numbers, states: Numbers) -> Numbers:
    """The number of a segment before small ones are joined: type x 3 + state."""
    found: Numbers = (kind * len(STATES) + states).astype(np.int32)
    return found


def joined(cells: Numbers, types: int) -> dict[int, int]:
    """For every cell, the cell that it is shown as, so that none is small.

    A cell with less than 7 % of the cards joins the neighbouring state of the same type: the third
    state the second, the second the first, the first the second. The floor leaves room for shares
    to move until the next version.
    """
    share = np.bincount(cells, minlength=types * len(STATES)) / max(len(cells), 1)
    shown: dict[int, int] = {}
    for kind in range(types):
        first, second, third = (kind * len(STATES) + at for at in range(len(STATES)))
        to = {first: first, second: second, third: third}
        if share[third] < LEAST_SHARE:
            to[third] = second
        later = share[second] + (share[third] if to[third] == second else 0.0)
        if later < LEAST_SHARE or share[first] < LEAST_SHARE:
            to = {one: first if target == second else target for one, target in to.items()}
        shown |= to
    return shown


def show(cells: Numbers, shown: Mapping[int, int]) -> Numbers:
    """The segments of cards, from their cells."""
    return np.array([shown[int(one)] for one in cells], np.int32)
