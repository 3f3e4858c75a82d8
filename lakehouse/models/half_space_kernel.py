"""The compiled inner loops of Half-Space Trees: walk the trees, add up masses, score.

A forest of T trees of height h is four arrays of T rows, each tree in heap order (the children of
node i are 2i + 1 and 2i + 2): `feature` (index of the column) and `threshold` of the 2^h - 1 inner
nodes, and the masses `latest` and `reference` of all 2^(h+1) - 1 nodes. A missing value is NaN.

The arithmetic and the order of its steps are those of river 0.26, so scores are equal to the bit.
Masses are whole numbers below 2^53: their sums are exact, in whatever order they are added.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.compiled import compiled
from lakehouse.models.forest import Floats, Integers

Columns = npt.NDArray[np.int32]
Flags = npt.NDArray[np.uint8]
# Scoring stops at nodes with less than this share of the window (Tan, Ting and Liu 2011).
SIZE_SHARE = 0.1


@compiled
def _rescale(row: Any, low: Any, high: Any, scaled: Any) -> None:
    """Put each value on the scale of the limits seen so far; a constant column gives 0."""
    for i in range(row.shape[0]):
        if np.isnan(row[i]):
            scaled[i] = np.nan
            continue
        span = high[i] - low[i]
        scaled[i] = (row[i] - low[i]) / span if span != 0.0 else 0.0


@compiled
def _child(node: Any, value: Any, is_missing: Any, threshold: Any, latest: Any) -> Any:
    """The node that a row goes to: by its value, or the child that saw more of this window."""
    left = 2 * node + 1
    if is_missing:
        return left + 1 if latest[left] < latest[left + 1] else left
    return left if value < threshold else left + 1


@compiled
def _score(scaled: Any, missing: Any, forest: Any, masses: Any, least: Any) -> Any:
    """Sum over the trees of the mass at each node passed x 2^depth, as far as masses reach."""
    feature, threshold = forest
    latest, reference = masses
    trees, inner = feature.shape
    total = 0.0
    for t in range(trees):
        node, weight = 0, 1
        while True:
            mass = reference[t, node]
            total += mass * weight
            if node >= inner or mass < least:
                break
            i = feature[t, node]
            node = _child(node, scaled[i], missing[i], threshold[t, node], latest[t])
            weight <<= 1
    return total


@compiled
def score_rows(
    rows: Floats,
    limits: tuple[Floats, Floats],
    forest: tuple[Columns, Floats],
    masses: tuple[Integers, Integers],
    window: int,
) -> Floats:
    """Anomaly scores of rows in [0, 1]; `window` is the number of rows behind the reference mass.

    Nothing is learned. With a window of 0 there is no reference yet, and every score is 0.
    """
    low, high = limits
    trees, nodes = masses[1].shape
    most = float(trees * window * nodes)
    scores = np.zeros(rows.shape[0])
    if window == 0:
        return scores
    scaled = np.empty(rows.shape[1])
    for n in range(rows.shape[0]):
        _rescale(rows[n], low, high, scaled)
        missing = np.isnan(rows[n])
        found = _score(scaled, missing, forest, masses, SIZE_SHARE * window)
        scores[n] = 1.0 - found / most
    return scores


@compiled
def score_and_learn(
    rows: Floats,
    limits: tuple[Floats, Floats],
    forest: tuple[Columns, Floats],
    masses: tuple[Integers, Integers],
    clock: Integers,
) -> Floats:
    """Score each row, then learn it, one after the other; limits, masses and `clock` change.

    `clock` is (window size, rows in the current window, rows behind the reference mass).
    """
    low, high = limits
    feature, threshold = forest
    latest, reference = masses
    trees, nodes = reference.shape
    inner = feature.shape[1]
    scores = np.zeros(rows.shape[0])
    scaled = np.empty(rows.shape[1])
    for n in range(rows.shape[0]):
        row = rows[n]
        missing = np.isnan(row)
        if clock[2]:
            _rescale(row, low, high, scaled)
            found = _score(scaled, missing, forest, masses, SIZE_SHARE * clock[2])
            scores[n] = 1.0 - found / float(trees * clock[2] * nodes)
        _widen(row, low, high)
        _rescale(row, low, high, scaled)
        for t in range(trees):
            node = 0
            latest[t, 0] += 1
            while node < inner:
                i = feature[t, node]
                node = _child(node, scaled[i], missing[i], threshold[t, node], latest[t])
                latest[t, node] += 1
        clock[1] += 1
        if clock[1] == clock[0]:
            reference[:] = latest
            latest[:] = 0
            clock[1], clock[2] = 0, clock[0]
    return scores


@compiled
def _widen(row: Any, low: Any, high: Any) -> None:
    for i in range(row.shape[0]):
        # Of -0.0 and 0.0 the first to come would win; adding 0.0 makes both the same.
        if row[i] < low[i]:
            low[i] = row[i] + 0.0
        if row[i] > high[i]:
            high[i] = row[i] + 0.0


@compiled
def widen(rows: Floats, low: Floats, high: Floats) -> None:
    """Widen the limits in place to those of `rows`; missing values change nothing."""
    for n in range(rows.shape[0]):
        _widen(rows[n], low, high)


@compiled
def count_masses(
    rows: Floats,
    limits: tuple[Floats, Floats],
    forest: tuple[Columns, Floats],
    latest: Integers,
) -> Integers:
    """How many of `rows` pass each node, by fixed limits and with fixed choices where values miss.

    Counts of parts of the rows add up to the counts of all of them.
    """
    low, high = limits
    feature, threshold = forest
    trees, inner = feature.shape
    counts = np.zeros((trees, 2 * inner + 1), np.int64)
    scaled = np.empty(rows.shape[1])
    for n in range(rows.shape[0]):
        _rescale(rows[n], low, high, scaled)
        missing = np.isnan(rows[n])
        for t in range(trees):
            node = 0
            counts[t, 0] += 1
            while node < inner:
                i = feature[t, node]
                node = _child(node, scaled[i], missing[i], threshold[t, node], latest[t])
                counts[t, node] += 1
    return counts
