"""Files of new rows, written where the rows were made, to be committed to a table later."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import polars as pl
import pyarrow.parquet as pq
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem

from lakehouse.contracts import Contract
from pyspark_jobs.delta.tables import with_statistics

WRITER = "cdrlake.writer"
"""Key in a file's metadata; its value is the host and the process that wrote the file."""
_SAMPLE = 1_024
# By this share of distinct values in the sample, a dictionary would have some 25,000 entries.
_MOSTLY_DISTINCT = 0.98


@dataclass(frozen=True)
class PendingFile:
    """A Parquet file that no commit names yet, so nobody reads it.

    `path` is relative to the table, `size` is in bytes, `stats` are the file's statistics as JSON.
    `partition` has the values of the partition columns as text, and `rows` how many rows it holds.
    """

    path: str
    size: int
    stats: str
    partition: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0


def write_file(
    rows: pl.DataFrame, uri: str, contract: Contract, options: Mapping[str, str]
) -> PendingFile:
    """Write `rows`, all of one partition, as a file of the table at `uri`.

    Statistics are kept of the key columns only. Its pages have checksums, which Spark and `cdrlake
    verify` compare; its metadata say which process wrote it.
    """
    values = {name: str(rows[name][0]) for name in contract.partition_by}
    folder = "".join(f"{name}={value}/" for name, value in values.items())
    path = f"{folder}part-{uuid4().hex}.parquet"
    names = [name for name in contract.names if name not in values]
    handler = DeltaStorageHandler(uri, dict(options))
    kept = rows.select(names)
    table = kept.to_arrow(compat_level=pl.CompatLevel.oldest())
    writer = f"{socket.gethostname()}/{os.getpid()}"
    with PyFileSystem(handler).open_output_stream(path) as target:
        # Unlike polars and delta-rs, Arrow can store a checksum in each page.
        pq.write_table(
            table.replace_schema_metadata({WRITER: writer}),
            target,
            use_dictionary=_repetitive(kept),
            write_statistics=False,
            write_page_checksum=True,
        )
        size = target.tell()
    return PendingFile(path, size, _statistics(rows, contract), values, len(rows))


def _repetitive(rows: pl.DataFrame) -> list[str]:
    """Columns that a dictionary makes smaller; for the others it only takes time, and then fails.

    Arrow begins every column with one, and gives it up at a megabyte.
    """
    sample = rows.sample(_SAMPLE, seed=0) if len(rows) > _SAMPLE else rows
    distinct = sample.select(pl.all().n_unique()).row(0, named=True)
    return [name for name, count in distinct.items() if count < _MOSTLY_DISTINCT * len(sample)]


def _statistics(rows: pl.DataFrame, contract: Contract) -> str:
    """Delta's statistics of the file: minimum and maximum of some columns, and null counts."""
    names = with_statistics(contract)
    columns = pl.col(names)
    found = columns.min(), columns.max(), columns.null_count()
    smallest, largest, nulls = rows.select(
        pl.struct(one).alias(name) for one, name in zip(found, ("min", "max", "nulls"), strict=True)
    ).row(0)
    least, greatest = (
        {name: _json_value(value, is_upper) for name, value in row.items() if value is not None}
        for row, is_upper in ((smallest, False), (largest, True))
    )
    return json.dumps(
        {
            "numRecords": len(rows),
            "minValues": least,
            "maxValues": greatest,
            "nullCount": nulls,
        }
    )


def _json_value(value: Any, is_upper: bool) -> Any:
    """A value in Delta's statistics, where times have milliseconds: an upper bound rounds up."""
    if isinstance(value, datetime):
        spare = timedelta(microseconds=-value.microsecond % 1000 if is_upper else 0)
        return (value + spare).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
