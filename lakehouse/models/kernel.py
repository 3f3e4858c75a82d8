"""The compiled inner loops of scoring: a forest packed so that a tree fits a core's L1 cache.

A forest compares each feature with few distinct thresholds, so a row is first converted to small
integers: for each feature, how many thresholds lie below the value. `x <= threshold[k]` is then
`bin <= k` exactly, a node takes four bytes, and eight rows walk down a tree side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lakehouse.compiled import compiled
from lakehouse.errors import ModelError
from lakehouse.models.forest import LEAF, Floats, Forest, Integers

MAX_FEATURES = 256
MAX_CUTS = 255
MAX_TREE_NODES = 65_536
_BLOCK_ROWS = 256


class Packed(NamedTuple):
    """A forest as the kernels read it.

    A node is 32 bits: its left child within the tree (16), its feature (8), its cut (8). A leaf
    points to itself with a cut that no bin exceeds, so every row may walk a tree's full depth.
    """

    cuts: Floats
    nodes: npt.NDArray[np.uint32]
    values: Floats
    roots: Integers
    depths: Integers


def pack(forest: Forest, features: int) -> Packed:
    """Pack a forest over `features` columns.

    Raises `ModelError` if it has more features, thresholds or nodes than a packed node can encode.
    """
    inner = forest.left != LEAF
    cuts = [np.unique(forest.threshold[inner & (forest.feature == i)]) for i in range(features)]
    most = max(len(values) for values in cuts)
    sizes = np.diff(np.append(forest.roots, forest.nodes))
    _refuse("features", features, MAX_FEATURES)
    _refuse("thresholds of a feature", most, MAX_CUTS)
    _refuse("nodes of a tree", int(sizes.max()), MAX_TREE_NODES)
    start = np.repeat(forest.roots, sizes)
    left = np.where(inner, forest.left, np.arange(forest.nodes)) - start
    cut = np.full(forest.nodes, MAX_CUTS, np.int64)
    for i, values in enumerate(cuts):
        mine = inner & (forest.feature == i)
        cut[mine] = np.searchsorted(values, forest.threshold[mine])
    table = np.full((features, max(most, 1)), np.inf)
    for i, values in enumerate(cuts):
        table[i, : len(values)] = values
    nodes = (left << 16 | forest.feature << 8 | cut).astype(np.uint32)
    return Packed(table, nodes, forest.value, forest.roots, forest.depths)


def votes(packed: Packed, rows: Floats) -> Floats:
    """Sum of the trees' votes for the positive class, for each row."""
    total = np.zeros(len(rows))
    if len(rows) == 1:
        total[0] = _vote_one(packed, rows[0])
    else:
        _vote(packed, rows, total)
    return total


def vote(packed: Packed, row: Floats) -> float:
    """The same for a single row, bit for bit what `votes` gives it."""
    return float(_vote_one(packed, row))


def contributions(packed: Packed, rows: Floats) -> Floats:
    """How much each feature moved the sum of votes, for each row.

    On its way down a tree a row's value changes at each node; the change counts for the feature
    asked there. With the sum of the roots' values, a row's contributions add up to its votes.
    """
    moved = np.zeros_like(rows)
    _explain(packed, rows, moved)
    return moved


def _refuse(what: str, got: int, most: int) -> None:
    if got > most:
        raise ModelError("forest", f"at most {most} {what}", str(got), "train a smaller forest")


@compiled
def _bin_rows(cuts: Floats, rows: Floats, bins: npt.NDArray[np.uint8]) -> None:
    for i in range(rows.shape[0]):
        for f in range(rows.shape[1]):
            x = rows[i, f]
            count = 0
            for k in range(cuts.shape[1]):
                # Written so that NaN goes right everywhere, as in MLlib and ONNX.
                count += not (x <= cuts[f, k])
            bins[i, f] = count


@compiled
def _vote(packed: Packed, rows: Floats, total: Floats) -> None:
    cuts, nodes, values, roots, depths = packed
    bins = np.empty((_BLOCK_ROWS, rows.shape[1]), np.uint8)
    for start in range(0, rows.shape[0], _BLOCK_ROWS):
        size = min(_BLOCK_ROWS, rows.shape[0] - start)
        _bin_rows(cuts, rows[start : start + size], bins)
        for t in range(roots.shape[0]):
            r, depth, i = roots[t], depths[t], 0
            while i + 8 <= size:
                a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = r
                for _ in range(depth):
                    n0, n1, n2, n3 = nodes[a0], nodes[a1], nodes[a2], nodes[a3]
                    n4, n5, n6, n7 = nodes[a4], nodes[a5], nodes[a6], nodes[a7]
                    a0 = r + (n0 >> 16) + (bins[i, (n0 >> 8) & 255] > (n0 & 255))
                    a1 = r + (n1 >> 16) + (bins[i + 1, (n1 >> 8) & 255] > (n1 & 255))
                    a2 = r + (n2 >> 16) + (bins[i + 2, (n2 >> 8) & 255] > (n2 & 255))
                    a3 = r + (n3 >> 16) + (bins[i + 3, (n3 >> 8) & 255] > (n3 & 255))
                    a4 = r + (n4 >> 16) + (bins[i + 4, (n4 >> 8) & 255] > (n4 & 255))
                    a5 = r + (n5 >> 16) + (bins[i + 5, (n5 >> 8) & 255] > (n5 & 255))
                    a6 = r + (n6 >> 16) + (bins[i + 6, (n6 >> 8) & 255] > (n6 & 255))
                    a7 = r + (n7 >> 16) + (bins[i + 7, (n7 >> 8) & 255] > (n7 & 255))
                for j, a in enumerate((a0, a1, a2, a3, a4, a5, a6, a7)):
                    total[start + i + j] += values[a]
                i += 8
            while i < size:
                a = r
                for _ in range(depth):
                    n = nodes[a]
                    a = r + (n >> 16) + (bins[i, (n >> 8) & 255] > (n & 255))
                total[start + i] += values[a]
                i += 1


@compiled
def _explain(packed: Packed, rows: Floats, moved: Floats) -> None:
    cuts, nodes, values, roots, depths = packed
    bins = np.empty((_BLOCK_ROWS, rows.shape[1]), np.uint8)
    for start in range(0, rows.shape[0], _BLOCK_ROWS):
        size = min(_BLOCK_ROWS, rows.shape[0] - start)
        _bin_rows(cuts, rows[start : start + size], bins)
        for t in range(roots.shape[0]):
            r = roots[t]
            for i in range(size):
                a = r
                for _ in range(depths[t]):
                    n = nodes[a]
                    f = (n >> 8) & 255
                    below = r + (n >> 16) + (bins[i, f] > (n & 255))
                    moved[start + i, f] += values[below] - values[a]
                    a = below


@compiled
def _vote_one(packed: Packed, row: Floats) -> float:
    """Run one row through all trees, eight at a time; votes are added in the order of `_vote`."""
    cuts, nodes, values, roots, depths = packed
    bins = np.empty(row.shape[0], np.uint8)
    for f in range(row.shape[0]):
        x = row[f]
        count = 0
        for k in range(cuts.shape[1]):
            count += not (x <= cuts[f, k])
        bins[f] = count
    total = 0.0
    t = 0
    while t + 8 <= roots.shape[0]:
        r0, r1, r2, r3 = roots[t], roots[t + 1], roots[t + 2], roots[t + 3]
        r4, r5, r6, r7 = roots[t + 4], roots[t + 5], roots[t + 6], roots[t + 7]
        a0, a1, a2, a3, a4, a5, a6, a7 = r0, r1, r2, r3, r4, r5, r6, r7
        for _ in range(depths[t : t + 8].max()):
            n0, n1, n2, n3 = nodes[a0], nodes[a1], nodes[a2], nodes[a3]
            n4, n5, n6, n7 = nodes[a4], nodes[a5], nodes[a6], nodes[a7]
            a0 = r0 + (n0 >> 16) + (bins[(n0 >> 8) & 255] > (n0 & 255))
            a1 = r1 + (n1 >> 16) + (bins[(n1 >> 8) & 255] > (n1 & 255))
            a2 = r2 + (n2 >> 16) + (bins[(n2 >> 8) & 255] > (n2 & 255))
            a3 = r3 + (n3 >> 16) + (bins[(n3 >> 8) & 255] > (n3 & 255))
            a4 = r4 + (n4 >> 16) + (bins[(n4 >> 8) & 255] > (n4 & 255))
            a5 = r5 + (n5 >> 16) + (bins[(n5 >> 8) & 255] > (n5 & 255))
            a6 = r6 + (n6 >> 16) + (bins[(n6 >> 8) & 255] > (n6 & 255))
            a7 = r7 + (n7 >> 16) + (bins[(n7 >> 8) & 255] > (n7 & 255))
        for a in (a0, a1, a2, a3, a4, a5, a6, a7):
            total += values[a]
        t += 8
    while t < roots.shape[0]:
        a = roots[t]
        for _ in range(depths[t]):
            n = nodes[a]
            a = roots[t] + (n >> 16) + (bins[(n >> 8) & 255] > (n & 255))
        total += values[a]
        t += 1
    return total
