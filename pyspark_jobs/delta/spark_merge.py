"""Rows merged into a Delta table by Spark's tasks, for more rows than the driver should hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from delta.tables import DeltaTable
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as f

from lakehouse.contracts import Contract
from pyspark_jobs.delta.files import PendingFile

LISTS = ("longs", "strings")


def update(
    spark: SparkSession,
    uri: str,
    contract: Contract,
    files: Sequence[PendingFile],
    columns: Sequence[str],
    unless_after: tuple[str, datetime] | None = None,
) -> None:
    """Set `columns` of the stored rows that have the key of a row in `files`.

    With `unless_after`, a column and a moment, rows with a later value there are left unchanged.
    The files lie in the folder of the table at `uri` and are not part of it.
    """
    rows = spark.read.parquet(*(f"{uri}/{one.path}" for one in files))
    same = [*contract.key, *contract.partition_by]
    condition = [f.col(f"s.{name}") == f.col(f"t.{name}") for name in dict.fromkeys(same)]
    matched = condition[0]
    for one in condition[1:]:
        matched &= one
    merge = DeltaTable.forPath(spark, uri).alias("t").merge(rows.alias("s"), matched)
    allowed = None
    if unless_after is not None:
        allowed = f.col(f"t.{unless_after[0]}") <= f.lit(unless_after[1])
    merge.whenMatchedUpdate(allowed, {name: _value(contract, name) for name in columns}).execute()


def _value(contract: Contract, name: str) -> Column:
    value = f.col(f"s.{name}")
    # Read from a file, a list might hold nulls, for all that Spark knows; the table's may not.
    return f.array_compact(value) if contract.field(name).kind in LISTS else value
