"""One function, two places to run: work by bucket, in Spark's tasks or in this process.

All rows of an entity are in one bucket, so a task that has the rows of a bucket needs nobody
else's. It writes files and returns what they are; the driver commits them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import cast

import msgspec
import polars as pl
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.contracts import BUCKET
from pyspark_jobs.delta.cells import Replacement

Changes = dict[str, Replacement]
"""What became of the tables, by name."""
BucketTask = Callable[[int, pl.DataFrame], Changes]
"""Processes a bucket: its number, and its rows of the batch, of which there may be none."""

_IS_ROW = "_is_row"
_RESULT_SCHEMA = "changes binary"
_RESULT = pa.schema([("changes", pa.binary())])


def collected(rows: DataFrame, most: int) -> pl.DataFrame | None:
    """All of `rows` if there are at most that many, because counting would cost another job.

    With `most` 0 all work goes to tasks, and nothing is read.
    """
    if not most:
        return None
    some = cast(pl.DataFrame, pl.from_arrow(rows.limit(most + 1).toArrow()))
    return some if len(some) <= most else None


def in_driver(task: BucketTask, rows: pl.DataFrame, wake: Iterable[int] = ()) -> Changes:
    """Process the buckets of `rows`, and those in `wake`, one after the other."""
    return together(task(number, some) for number, some in _buckets(rows, wake))


def on_executors(task: BucketTask, rows: DataFrame, buckets: int) -> Changes:
    """Process all `buckets` in Spark's tasks; `task` and what it holds are sent to them."""
    numbers = f.col("id").cast("int").alias(BUCKET.name)
    marks = rows.sparkSession.range(buckets).select(numbers, f.lit(False).alias(_IS_ROW))
    marked = rows.withColumn(_IS_ROW, f.lit(True)).unionByName(marks, allowMissingColumns=True)
    spread = marked.repartitionById(buckets, BUCKET.name)
    found = spread.mapInArrow(partial(_run, task), _RESULT_SCHEMA).collect()
    return together(msgspec.msgpack.decode(row.changes, type=Changes) for row in found)


def together(parts: Iterable[Changes]) -> Changes:
    """What several buckets did, by table."""
    by_table: dict[str, list[Replacement]] = {}
    for part in parts:
        for table, change in part.items():
            by_table.setdefault(table, []).append(change)
    return {table: Replacement.together(changes) for table, changes in by_table.items()}


def _run(task: BucketTask, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    held, wake = list[pa.RecordBatch](), set[int]()
    for batch in batches:
        wake.update(batch[BUCKET.name].unique().to_pylist())
        # Only a batch with a mark is copied: the rows of a bucket may be most of the memory.
        is_row = batch[_IS_ROW]
        rest = batch if is_row.true_count == len(batch) else batch.filter(is_row)
        held.append(rest.drop_columns([_IS_ROW]))
    if not held:
        return
    rows = cast(pl.DataFrame, pl.from_arrow(pa.Table.from_batches(held)))
    del held
    for number, some in _buckets(rows, wake):
        encoded = msgspec.msgpack.encode(task(number, some))
        yield pa.RecordBatch.from_pylist([{"changes": encoded}], schema=_RESULT)


def _buckets(rows: pl.DataFrame, wake: Iterable[int]) -> Iterator[tuple[int, pl.DataFrame]]:
    numbers = rows[BUCKET.name].unique().to_list()
    found = {numbers[0]: rows} if len(numbers) == 1 else _parted(rows)
    for number in sorted({*found, *wake}):
        yield number, found.get(number, rows.clear())


def _parted(rows: pl.DataFrame) -> dict[int, pl.DataFrame]:
    return {int(number): some for (number,), some in rows.group_by(BUCKET.name)}
