"""A segment is a type (how a card usually buys) and a state (how long it has been quiet)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from lakehouse.models.scoring import Scores

STATES = ("active", "pausing", "quiet")
# Quiet days from which the second and the third state begin.
STATE_DAYS = (7, 28)
# Slow features: a type is about what a card does in half a year, not in the last days.
TYPE_FEATURES = ("n", "amount", "merchants")
LEAST_SHARE = 0.055

# Where a model of types keeps, in its recipe, as which segment each cell is shown.
SHOWN = "shown_as"

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


def joined(cells: Numbers, types: int, spent: npt.NDArray[np.float64]) -> dict[int, int]:
    """For every cell, the cell that it is shown as, so that none is small.

    While a segment has less than 5.5 % of the cards, the smallest joins a neighbour: the one fewest
    steps of type and state away and, of several, the one whose cards spend most like its own.
    `spent` is the logarithm of what each card spent in the next 28 days, a window that has closed.
    The floor leaves room for shares to move until the next version.
    """
    held = {number: [number] for number in range(types * len(STATES))}
    while len(held) > 1:
        inside = {one: np.isin(cells, group) for one, group in held.items()}
        small = min(held, key=lambda one: (int(inside[one].sum()), one))
        if inside[small].mean() >= LEAST_SHARE:
            break
        mean = {
            one: float(spent[rows].mean()) if rows.any() else np.inf for one, rows in inside.items()
        }
        own = mean[small] if np.isfinite(mean[small]) else 0.0
        ranked = [
            (_steps(held[one], held[small]), abs(mean[one] - own), one)
            for one in held
            if one != small
        ]
        held[min(ranked)[2]] += held.pop(small)
    return {one: min(group) for group in held.values() for one in group}


def _steps(group: list[int], other: list[int]) -> int:
    """The fewest steps, of type or state, from a cell of one group to a cell of the other."""
    places = [[divmod(one, len(STATES)) for one in cells] for cells in (group, other)]
    return min(abs(a - c) + abs(b - d) for a, b in places[0] for c, d in places[1])


def show(cells: Numbers, shown: Mapping[int, int]) -> Numbers:
    """The segments of cards, from their cells."""
    return np.array([shown[int(one)] for one in cells], np.int32)


@dataclass(frozen=True)
class Shown:
    """As which segment each cell is shown."""

    by_cell: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> Shown:
        """What the recipe of a model of types says; without a word, each cell is a segment."""
        told: Mapping[str, int] = recipe.get(SHOWN, {})
        return cls(tuple(sorted((int(cell), int(to)) for cell, to in told.items())))

    def segment(self, number: int) -> int:
        """The segment of a cell."""
        return dict(self.by_cell).get(number, number)

    def name(self, segment: int, types: tuple[str, ...]) -> str:
        """A segment in words: its types and states.

        >>> Shown(((0, 0), (1, 0), (2, 2))).name(0, ("few", "many"))
        'few, active or pausing'
        """
        cells = [cell for cell, to in self.by_cell if to == segment] or [segment]
        places = [divmod(one, len(STATES)) for one in cells]
        kinds = list(dict.fromkeys(types[kind] for kind, _ in places))
        states = list(dict.fromkeys(STATES[at] for _, at in sorted(places, key=lambda x: x[1])))
        return f"{' or '.join(kinds)}, {' or '.join(states)}"


def with_segment(
    history: pl.DataFrame, scores: Scores, types: tuple[str, ...], shown: Shown
) -> pl.DataFrame:
    """Add type, state and segment, in numbers and in words, to rows with `recency`.

    `scores` are those of the model of types, and `types` the names of its types.
    """
    states = state(history["recency"].to_numpy())
    cells = cell(scores.prediction, states)
    by_cell = {int(one): shown.segment(int(one)) for one in np.unique(cells)}
    segments = show(cells, by_cell)
    words = {one: shown.name(one, types) for one in set(by_cell.values())}
    return history.with_columns(
        pl.Series("type", scores.prediction),
        pl.Series("type_name", [types[one] for one in scores.prediction], pl.String),
        pl.Series("clearness", scores.probability),
        pl.Series("state", states),
        pl.Series("segment", segments),
        pl.Series("segment_name", [words[int(one)] for one in segments], pl.String),
    )
