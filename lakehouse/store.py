"""Reads of Delta tables without a JVM: through polars and delta-rs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem

from lakehouse.errors import StorageError

Options = dict[str, str]

CHANGE_TYPE = "_change_type"
_CHANGE_COLUMNS = (CHANGE_TYPE, "_commit_version", "_commit_timestamp")
_UPSERTS = ("insert", "update_postimage")
_ENGINE_ERRORS = (pl.exceptions.PolarsError, DeltaError, pa.ArrowException, OSError)


@dataclass(frozen=True)
class Changes:
    """Rows added or changed after one version of a table, up to and with another."""

    frame: pl.DataFrame
    version: int


def exists(uri: str, options: Options | None = None) -> bool:
    """Whether a Delta table is at `uri`."""
    return bool(DeltaTable.is_deltatable(uri, options))


def version(uri: str, options: Options | None = None) -> int | None:
    """Latest version of the table, or None where there is no table."""
    try:
        return int(DeltaTable(uri, storage_options=options).version())
    except TableNotFoundError:
        return None


def identity(uri: str, options: Options | None = None) -> str | None:
    """The table's own id, another one after it was made anew; None where there is no table."""
    try:
        table = DeltaTable(uri, storage_options=options)
    except TableNotFoundError:
        return None
    return str(table.metadata().id)


def scan(uri: str, options: Options | None = None, at: int | None = None) -> pl.LazyFrame:
    """The table as a lazy frame, as of version `at`; deletion vectors are honoured."""
    return pl.scan_delta(uri, version=at, storage_options=options)


def collect(rows: pl.LazyFrame, uri: str, options: Options | None = None) -> pl.DataFrame:
    """The rows of a lazy frame over the table at `uri`.

    Raises `StorageError` with the file's name where one of its files cannot be read.
    """
    with reading(uri, options):
        return rows.collect()


@contextmanager
def reading(uri: str, options: Options | None = None) -> Iterator[None]:
    """Turn what the engines raise over a damaged file of the table at `uri` into a `StorageError`.

    Polars panics over a truncated Parquet file, which `except Exception` does not catch, so a
    thread that reads would end without a word. Errors over files that are whole pass unchanged.
    """
    try:
        yield
    except BaseException as error:
        # A panic is no Exception, and each engine's has a class of its own of that name.
        is_panic = type(error).__name__ == "PanicException"
        # The reader of changes raises a plain Exception.
        if not (is_panic or isinstance(error, _ENGINE_ERRORS) or type(error) is Exception):
            raise
        broken = _broken(uri, options)
        if broken is None and not is_panic:
            raise
        raise StorageError(
            f"table {uri}", "Parquet files that can be read",
            broken or f"a failure of the engine ({error})",
            "restore the file from a backup, or recompute the table",
        ) from error  # fmt: skip


def _broken(uri: str, options: Options | None) -> str | None:
    """The first file of the table that is no Parquet file of the length that its log notes."""
    table = DeltaTable(uri, storage_options=options)
    files = PyFileSystem(DeltaStorageHandler(uri, options))
    sizes = pl.DataFrame(table.get_add_actions(flatten=True)).select("path", "size_bytes")
    # The log escapes the paths, whose partition values are escaped already.
    for path, size in ((unquote(path), size) for path, size in sizes.iter_rows()):
        try:
            with files.open_input_file(path) as file:
                if file.size() != size:
                    return f"{path}, which has {file.size():,} of its {size:,} bytes"
                pq.ParquetFile(file)
        except (OSError, pa.ArrowException) as error:
            return f"{path} ({error})"
    return None


def count(uri: str, options: Options | None = None) -> int:
    """Rows of the table; 0 where there is no table."""
    if not exists(uri, options):
        return 0
    return int(collect(scan(uri, options).select(pl.len()), uri, options).item())


def changes(
    uri: str,
    after: int,
    options: Options | None = None,
    columns: tuple[str, ...] | None = None,
    most: int | None = None,
) -> Changes:
    """Rows inserted or updated by the versions after `after` (-1: all), in order of commit.

    With `most` that many versions are looked at, later ones are left. The table needs its change
    data feed; the frame has its columns (or only those in `columns`) and `_commit_version`. Where a
    version has been vacuumed away, delta-rs raises, and the caller starts again from -1.
    """
    table = DeltaTable(uri, storage_options=options)
    latest = int(table.version())
    if latest <= after:
        return Changes(pl.DataFrame(), latest)
    # Unquoted, delta-rs would look for them in lower case.
    named = [f'"{name}"' for name in (*columns, *_CHANGE_COLUMNS)] if columns else None
    last = latest if most is None else min(latest, after + most)
    with reading(uri, options):
        reader = table.load_cdf(starting_version=after + 1, ending_version=last, columns=named)
        frame = cast(pl.DataFrame, pl.from_arrow(pa.table(reader.read_all())))
    upserts = frame.filter(pl.col(CHANGE_TYPE).is_in(_UPSERTS)).sort("_commit_version")
    return Changes(upserts.drop(CHANGE_TYPE, "_commit_timestamp"), last)


def touched(uri: str, after: int, column: str, options: Options | None = None) -> set[Any]:
    """Values of `column` in rows that any version after `after` added, changed or removed.

    Raises as `changes` does.
    """
    table = DeltaTable(uri, storage_options=options)
    latest = int(table.version())
    if latest <= after:
        return set()
    with reading(uri, options):
        reader = table.load_cdf(after + 1, latest, columns=[f'"{column}"'])
        frame = cast(pl.DataFrame, pl.from_arrow(pa.table(reader.read_all())))
    return set(frame[column].unique())
