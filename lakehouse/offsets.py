"""Which messages of a topic the lake holds, by their offsets, and which it does not.

A message is identified by its position: a partition and an offset. Tables are read in batches into
one flag per offset, so memory is bounded whatever the size of the topic.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from lakehouse import store

# Offsets that are looked at together, at one byte each.
WINDOW = 1 << 27
# It is cheaper to read past messages that are held than to start a read again.
CLOSE = 10_000

_PLACE = ("partition", "offset")

Range = tuple[int, int]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Places:
    """Rows of a table at `uri` that came from one topic; they have `partition` and `offset`."""

    uri: str
    frame: pl.LazyFrame
    options: store.Options | None = None


@dataclass(frozen=True)
class Holdings:
    """Distinct offsets that tables hold, and the ranges of a topic's offsets that none holds."""

    count: int
    gaps: Mapping[int, tuple[Range, ...]]

    def stretches(self) -> dict[int, list[Range]]:
        """The gaps of each partition, joined where they are close together."""
        return {partition: join(gaps) for partition, gaps in self.gaps.items()}

    def lacks(self, partition: int, offset: int) -> bool:
        """Whether the topic has such an offset and no table holds it."""
        gaps = self.gaps.get(partition, ())
        at = bisect_right(gaps, offset, key=lambda gap: gap[0]) - 1
        return at >= 0 and offset < gaps[at][1]


@dataclass(frozen=True)
class _Window:
    partition: int
    first: int
    end: int


def examine(tables: Iterable[Places], ranges: Mapping[int, Range]) -> Holdings:
    """Count the offsets that `tables` hold, and find which of the topic's `ranges` they lack."""
    places = tuple(tables)
    count = 0
    gaps: dict[int, tuple[Range, ...]] = dict.fromkeys(ranges, ())
    for group in _groups(_windows(places, ranges)):
        for window, held in zip(group, _flags(places, group), strict=True):
            count += int(held.sum())
            if window.partition in ranges:
                gaps[window.partition] += tuple(_missing(window, held, ranges[window.partition]))
    return Holdings(count, {number: tuple(join(found, 0)) for number, found in gaps.items()})


def join(ranges: Iterable[Range], distance: int = CLOSE) -> list[Range]:
    """Sorted ranges, merged where at most `distance` offsets lie between them.

    >>> join([(0, 2), (3, 4), (9, 10)], 1)
    [(0, 4), (9, 10)]
    """
    joined: list[Range] = []
    for first, end in ranges:
        if joined and first - joined[-1][1] <= distance:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((first, end))
    return joined


def _windows(places: tuple[Places, ...], ranges: Mapping[int, Range]) -> list[_Window]:
    """The parts of each partition that hold anything, none longer than `WINDOW`."""
    spans: dict[tuple[int, int], Range] = {}

    def widen(partition: int, first: int, end: int) -> None:
        for number in range(first // WINDOW, (end - 1) // WINDOW + 1):
            low, high = max(first, number * WINDOW), min(end, (number + 1) * WINDOW)
            known = spans.get((partition, number), (low, high))
            spans[partition, number] = (min(low, known[0]), max(high, known[1]))

    for one in places:
        number = (pl.col("offset") // WINDOW).alias("window")
        bounds = one.frame.group_by("partition", number).agg(
            first=pl.col("offset").min(), end=pl.col("offset").max() + 1
        )
        for row in store.collect(bounds, one.uri, one.options).iter_rows(named=True):
            widen(row["partition"], row["first"], row["end"])
    for partition, (first, end) in ranges.items():
        if end > first:
            widen(partition, first, end)
    return [_Window(partition, *span) for (partition, _), span in sorted(spans.items())]


def _groups(windows: list[_Window]) -> Iterator[list[_Window]]:
    """Windows that fit into memory together, so that small partitions share one pass."""
    group: list[_Window] = []
    for window in windows:
        if group and sum(w.end - w.first for w in [*group, window]) > WINDOW:
            yield group
            group = []
        group.append(window)
    if group:
        yield group


def _flags(places: tuple[Places, ...], group: list[_Window]) -> list[Flags]:
    """For each window one flag per offset: whether any table holds it."""
    flags = [np.zeros(window.end - window.first, dtype=np.bool_) for window in group]
    partitions = sorted({window.partition for window in group})
    first, end = min(w.first for w in group), max(w.end for w in group)
    wanted = pl.col("partition").is_in(partitions) & pl.col("offset").is_between(
        first, end, closed="left"
    )

    def mark(batch: pl.DataFrame) -> None:
        partition, offset = batch["partition"].to_numpy(), batch["offset"].to_numpy()
        for window, held in zip(group, flags, strict=True):
            inside = (
                (partition == window.partition) & (offset >= window.first) & (offset < window.end)
            )
            held[offset[inside] - window.first] = True

    for one in places:
        store.visit(one.frame.filter(wanted).select(_PLACE), one.uri, mark, one.options)
    return flags


def _missing(window: _Window, held: Flags, of: Range) -> Iterator[Range]:
    first, end = max(window.first, of[0]), min(window.end, of[1])
    if end <= first:
        return
    free = ~held[first - window.first : end - window.first]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], free, [False])).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        yield first + start, first + stop
