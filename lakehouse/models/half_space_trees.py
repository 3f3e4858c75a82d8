"""Half-Space Trees: an anomaly detector that learns from a stream, without labels.

Tan, Ting and Liu, Fast Anomaly Detection for Streaming Data, IJCAI 2011. The trees are drawn once,
before any data; learning counts how many rows pass each node (its mass). A row that passes nodes
with little mass is unusual. Values are put on the scale of the least and greatest seen so far.

`score_and_learn` treats rows one by one and equals river 0.26's `MinMaxScaler() |
HalfSpaceTrees(seed=...)` to the bit. `widen`, `count_masses` and `learn` treat a batch in parts:
limits and masses of the parts are combined, and the result does not depend on how the batch was
divided or ordered.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from lakehouse.models import half_space_kernel as kernel
from lakehouse.models.forest import Floats, Integers
from lakehouse.models.half_space_kernel import Columns

_PADDING = 0.15


@dataclass(frozen=True)
class TreeShape:
    """Number of trees, their height, and rows in a window; the defaults are those of river."""

    trees: int = 10
    height: int = 8
    window: int = 250


@dataclass(frozen=True)
class HalfSpaceTrees:
    """A forest, what it has learned, and the limits of the `features` that it scores.

    `latest` has the masses of the window that is filling, with `filled` rows, and `reference` those
    of the last full window, with `window` rows (0 before there is one). `rows` counts all rows
    learned. Arrays are never changed in place.
    """

    features: tuple[str, ...]
    shape: TreeShape
    feature: Columns
    threshold: Floats
    low: Floats
    high: Floats
    latest: Integers
    reference: Integers
    filled: int = 0
    window: int = 0
    rows: int = 0

    @classmethod
    def grow(
        cls,
        features: tuple[str, ...],
        shape: TreeShape,
        seed: int,
        present: frozenset[str] | None = None,
    ) -> Self:
        """Draw the trees from `seed`, over the `present` features (all of them by default)."""
        split_on = sorted(features if present is None else present & set(features))
        columns = np.array([features.index(name) for name in split_on], np.int32)
        inner, rng = 2**shape.height - 1, random.Random(seed)  # noqa: S311
        feature = np.zeros((shape.trees, inner), np.int32)
        threshold = np.zeros((shape.trees, inner))
        for t in range(shape.trees):
            _draw(rng, [(0.0, 1.0)] * len(split_on), 0, feature[t], threshold[t])
        masses = np.zeros((shape.trees, 2 * inner + 1), np.int64)
        width = len(features)
        return cls(
            features, shape, columns[feature] if len(columns) else feature, threshold,
            np.full(width, np.inf), np.full(width, -np.inf), masses, masses,
        )  # fmt: skip

    def score(self, rows: Floats) -> Floats:
        """Anomaly scores of a matrix of rows: 0 is ordinary, 1 the greatest; NaN is missing."""
        masses = self.latest, self.reference
        scores: Floats = kernel.score_rows(rows, self._limits, self._forest, masses, self.window)
        return scores

    def score_and_learn(self, rows: Floats) -> tuple[Floats, Self]:
        """Score each row and then learn it, in order; the scores, and what is learned by then."""
        limits = self.low.copy(), self.high.copy()
        masses = self.latest.copy(), self.reference.copy()
        clock = np.array([self.shape.window, self.filled, self.window], np.int64)
        scores = kernel.score_and_learn(rows, limits, self._forest, masses, clock)
        learned = replace(
            self,
            low=limits[0], high=limits[1], latest=masses[0], reference=masses[1],
            filled=int(clock[1]), window=int(clock[2]), rows=self.rows + len(rows),
        )  # fmt: skip
        return scores, learned

    def widened(self, low: Floats, high: Floats) -> Self:
        """The same, with limits that include these."""
        return replace(self, low=np.minimum(self.low, low), high=np.maximum(self.high, high))

    def count_masses(self, rows: Floats) -> Integers:
        """How many of the rows pass each node; counts of parts add up to those of the whole."""
        counts: Integers = kernel.count_masses(rows, self._limits, self._forest, self.latest)
        return counts

    def learn(self, masses: Integers, rows: int) -> Self:
        """Add the masses of a batch of `rows` rows; a window that is full by then ends here."""
        latest, filled = self.latest + masses, self.filled + rows
        learned = replace(self, latest=latest, filled=filled, rows=self.rows + rows)
        if filled < self.shape.window:
            return learned
        return replace(
            learned, reference=latest, latest=np.zeros_like(latest), filled=0, window=filled
        )

    def learn_batch(self, rows: Floats) -> Self:
        """Learn a whole batch at once, as `widened`, `count_masses` and `learn` do in parts."""
        wider = self.widened(*limits(rows))
        return wider.learn(wider.count_masses(rows), len(rows))

    @property
    def _limits(self) -> tuple[Floats, Floats]:
        return self.low, self.high

    @property
    def _forest(self) -> tuple[Columns, Floats]:
        return self.feature, self.threshold


def limits(rows: Floats) -> tuple[Floats, Floats]:
    """Least and greatest value of each column; infinite, the wrong way round, for none."""
    low, high = np.full(rows.shape[1], np.inf), np.full(rows.shape[1], -np.inf)
    kernel.widen(rows, low, high)
    return low, high


def fingerprint(trees: HalfSpaceTrees) -> str:
    """SHA-256 of everything that has been learned."""
    digest = hashlib.sha256(repr((trees.features, trees.shape)).encode())
    digest.update(repr((trees.filled, trees.window, trees.rows)).encode())
    arrays = (trees.feature, trees.threshold, trees.low, trees.high, trees.latest, trees.reference)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _draw(
    rng: random.Random,
    room: list[tuple[float, float]],
    node: int,
    feature: Columns,
    threshold: Floats,
) -> None:
    """Draw the splits below `node` in `room`: wide sides are split more often, edges are spared."""
    if node >= len(feature) or not room:
        return
    chosen = rng.choices(range(len(room)), weights=[b - a for a, b in room])[0]
    a, b = room[chosen]
    at = rng.uniform(a + _PADDING * (b - a), b - _PADDING * (b - a))
    feature[node], threshold[node] = chosen, at
    for child, side in ((2 * node + 1, (a, at)), (2 * node + 2, (at, b))):
        room[chosen] = side
        _draw(rng, room, child, feature, threshold)
    room[chosen] = (a, b)
