"""A random forest as flat arrays, no matter which library trained it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.errors import ModelError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LEAF = -1


@dataclass(frozen=True)
class Forest:
    """All nodes of all trees, tree after tree, each breadth first with siblings side by side.

    A row goes left where `row[feature] <= threshold`; the left child of node i is `left[i]`, the
    right one `left[i] + 1`, both later than i, and a leaf has `left[i] == LEAF`. `value` is the
    share of positives among the training rows that came by, and a tree votes with its leaf's.
    `roots` holds the first node of each tree.
    """

    roots: Integers
    feature: Integers
    threshold: Floats
    left: Integers
    value: Floats

    @property
    def trees(self) -> int:
        """Number of trees."""
        return len(self.roots)

    @property
    def nodes(self) -> int:
        """Number of nodes, leaves included."""
        return len(self.left)

    @property
    def depths(self) -> Integers:
        """Depth of each tree; a lone root has 0."""
        return np.maximum.reduceat(_levels(self), self.roots)

    def pruned(self, trees: int, depth: int) -> Forest:
        """The first `trees` trees, cut at `depth`.

        A node is split by its own rows alone, whatever is below it or in another tree, so this
        forest has the same distribution as one fitted with those smaller limits.
        """
        last = self.roots[trees] if trees < self.trees else self.nodes
        left = np.where(_levels(self) < depth, self.left, LEAF)[:last]
        return from_nodes(
            self.roots[:trees],
            self.feature[:last],
            self.threshold[:last],
            np.stack([left, np.where(left == LEAF, LEAF, left + 1)], axis=1),
            self.value[:last],
        )

    def with_questions(self) -> Forest:
        """The same forest without lone leaves, which the model file cannot express.

        A tree that found no split asks whether the first feature is at most 0 and gives its only
        answer either way.
        """
        lone = self.roots[self.left[self.roots] == LEAF]
        added = self.nodes + np.arange(2 * len(lone))
        children = np.stack([self.left, np.where(self.left == LEAF, LEAF, self.left + 1)], axis=1)
        children[lone] = added.reshape(-1, 2)
        return from_nodes(
            self.roots,
            np.append(self.feature, np.zeros(len(added), np.int64)),
            np.append(self.threshold, np.zeros(len(added))),
            np.append(children, np.full((len(added), 2), LEAF), axis=0),
            np.append(self.value, np.repeat(self.value[lone], 2)),
        )


def from_nodes(
    roots: Integers, feature: Integers, threshold: Floats, children: Integers, value: Floats
) -> Forest:
    """Put nodes into the order that `Forest` guarantees.

    `children` has a row (left, right) for each node, `LEAF` twice for leaves; nodes that no root
    reaches are left out. Raises `ModelError` if the links do not form trees.
    """
    owner = np.full(len(feature), -1, np.int64)
    owner[roots] = np.arange(len(roots))
    levels, seen = [roots], len(roots)
    while len(frontier := levels[-1]):
        inner = frontier[children[frontier, 0] != LEAF]
        following = children[inner].ravel()
        seen += len(following)
        if seen > len(feature):
            raise ModelError("forest", "trees", "nodes that are linked twice", "train again")
        owner[following] = np.repeat(owner[inner], 2)
        levels.append(following)
    reached = np.concatenate(levels)
    order = reached[np.argsort(owner[reached], kind="stable")]
    place = np.full(len(feature), LEAF, np.int64)
    place[order] = np.arange(len(order))
    left = children[order, 0]
    return Forest(
        roots=place[roots],
        feature=np.where(left == LEAF, 0, feature[order]),
        threshold=np.where(left == LEAF, 0.0, threshold[order]),
        left=np.where(left == LEAF, LEAF, place[left]),
        value=value[order],
    )


def _levels(forest: Forest) -> Integers:
    """Distance of each node from its root."""
    level = np.zeros(forest.nodes, np.int64)
    frontier = forest.roots
    while len(frontier):
        inner = frontier[forest.left[frontier] != LEAF]
        frontier = np.concatenate([forest.left[inner], forest.left[inner] + 1])
        level[frontier] = np.tile(level[inner], 2) + 1
    return level
