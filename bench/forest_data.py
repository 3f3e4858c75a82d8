"""Rows with a learnable label for racing forests: as wide as asked, as they are or on 32 levels.

Our forests ask at most 31 thresholds of a feature; with data on 32 levels scikit-learn asks the
same, so its forest is one that ours can hold too, node by node.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.ensemble import RandomForestClassifier

from lakehouse.models.forest import LEAF, Floats, Forest, from_nodes

LEVELS = 32
TELLING = 8


@dataclass(frozen=True)
class Table:
    """Rows and labels; a third of the labels are churners, and no forest finds them all."""

    rows: Floats
    label: npt.NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(f"f{number}" for number in range(self.rows.shape[1]))

    @property
    def frame(self) -> pl.DataFrame:
        """Features, `label` and a `weight` of 1."""
        columns = pl.DataFrame(self.rows, schema=list(self.names))
        return columns.with_columns(label=pl.Series(self.label), weight=pl.lit(1.0))


def draw(rows: int, features: int, seed: int, on_levels: bool = True) -> Table:
    """Rows at random; the label follows the first features and their products."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, features))
    telling = values[:, :TELLING]
    signal = telling.sum(axis=1) + telling[:, 0] * telling[:, 1] - 2 * np.abs(telling[:, 2])
    label = (signal + rng.logistic(scale=2.0, size=rows) > 0).astype(np.int64)
    if not on_levels:
        return Table(values, label)
    levels = np.clip(np.round(values * LEVELS / 6), -LEVELS // 2, LEVELS // 2 - 1)
    return Table(levels, label)


def from_sklearn(fitted: RandomForestClassifier) -> Forest:
    """The same trees as flat arrays."""
    trees = [one.tree_ for one in fitted.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
    pairs = [np.stack([tree.children_left, tree.children_right], axis=1) for tree in trees]
    children = [
        np.where(pair < 0, LEAF, pair + root) for pair, root in zip(pairs, roots, strict=True)
    ]
    votes = [tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1) for tree in trees]
    return from_nodes(
        roots,
        np.concatenate([tree.feature for tree in trees]),
        np.concatenate([tree.threshold for tree in trees]),
        np.concatenate(children),
        np.concatenate(votes),
    )
