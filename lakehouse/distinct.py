"""Exact counts of distinct rows in bounded memory.

Rows are reduced to 64-bit hashes. What does not fit into memory goes to temporary files, one for
each range of hashes, so that equal rows end up in the same file. Among a hundred million different
rows, the probability that two share a hash is about 0.03 %.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

ROWS_IN_MEMORY = 4_000_000
_BITS = 6


def hashes(rows: pl.DataFrame, name: str = "hash") -> pl.Series:
    """A 64-bit hash for each row; equal rows have equal hashes."""
    return rows.hash_rows(seed=0).alias(name)


class DistinctHashes:
    """A set of rows of 64-bit hashes that spills to disk; use it as a context manager.

    Rows with the same value in the first column end up in the same part.

    >>> with DistinctHashes(rows_in_memory=2) as found:
    ...     for batch in ([1, 2], [2, 3], [3, 1], [5, 2**63]):
    ...         found.add(pl.DataFrame({"hash": batch}, schema={"hash": pl.UInt64}))
    ...     found.count()
    5
    """

    def __init__(self, rows_in_memory: int = ROWS_IN_MEMORY) -> None:
        self._limit = rows_in_memory
        self._waiting: list[pl.DataFrame] = []
        self._rows = 0
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._spilled = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add(self, rows: pl.DataFrame) -> None:
        """Add rows of hashes, all with the same columns."""
        self._waiting.append(rows)
        self._rows += rows.height
        if self._rows > self._limit:
            self._spill()

    def count(self) -> int:
        """How many distinct rows were added."""
        return sum(part.height for part in self.parts())

    def parts(self) -> Iterator[pl.DataFrame]:
        """The distinct rows, in parts that fit into memory."""
        if self._folder is None:
            if self._waiting:
                yield pl.concat(self._waiting).unique()
            return
        self._spill()
        for folder in sorted(self._folder.iterdir()):
            yield pl.read_parquet(sorted(folder.iterdir())).unique()

    def _spill(self) -> None:
        if not self._waiting:
            return
        if self._folder is None:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        waiting = pl.concat(self._waiting)
        high_bits = pl.col(waiting.columns[0]) // 2 ** (64 - _BITS)
        for (bucket,), rows in waiting.group_by(high_bits.alias("bucket")):
            folder = self._folder / f"{bucket:02}"
            folder.mkdir(exist_ok=True)
            rows.write_parquet(folder / f"{self._spilled:06}.parquet")
        self._spilled += 1
        self._waiting, self._rows = [], 0
