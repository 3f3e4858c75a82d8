"""What is damaged in a Delta table, by name: its log, or one of its files.

The engines that read tables seldom say which file they failed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
_ENGINE_ERRORS = (pl.exceptions.PolarsError, DeltaError, pa.ArrowException, OSError)


def open_log(uri: str, options: Options | None = None, at: int | None = None) -> DeltaTable:
    """The Delta table at `uri` as its log has it, in version `at` or the latest.

    Raises `TableNotFoundError` where there is no table, and `StorageError` for a damaged log.
    """
    with reading_log(uri):
        return DeltaTable(uri, version=at, storage_options=options)


@contextmanager
def reading_log(uri: str) -> Iterator[None]:
    """Turn delta-rs's errors about the log of the table at `uri` into a `StorageError`."""
    try:
        yield
    except TableNotFoundError:
        raise
    except DeltaError as error:
        problem = str(error).splitlines()[0]
        raise StorageError(
            f"{uri}/_delta_log", "a log that can be read", problem,
            "restore the lake, see docs/operations.md",
        ) from error  # fmt: skip


@contextmanager
def reading(uri: str, options: Options | None = None) -> Iterator[None]:
    """Turn the engines' errors about a damaged file of the table at `uri` into a `StorageError`.

    Polars panics on a truncated Parquet file, which `except Exception` does not catch, so a reading
    thread would end silently. Errors on undamaged files pass unchanged.
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
        raise _damaged(uri, broken or f"a failure of the engine ({error})") from error


def require_whole(uri: str, options: Options | None = None) -> None:
    """Read every file of the table at `uri`. Raises `StorageError` naming one that is damaged."""
    if DeltaTable.is_deltatable(uri, options) and (broken := _broken(uri, options)):
        raise _damaged(uri, broken)


def _damaged(uri: str, got: str) -> StorageError:
    return StorageError(
        f"table {uri}", "Parquet files that can be read", got,
        "restore the file from a backup, or recompute the table",
    )  # fmt: skip


def _broken(uri: str, options: Options | None) -> str | None:
    """The first file of the table that is damaged: by size or footer, else by its pages."""
    table = open_log(uri, options)
    files = PyFileSystem(DeltaStorageHandler(uri, options))
    actions = pl.DataFrame(table.get_add_actions(flatten=True)).select("path", "size_bytes")
    # The log escapes the paths, whose partition values are escaped already.
    sizes = [(unquote(path), size) for path, size in actions.iter_rows()]
    for is_deep in (False, True):
        for path, size in sizes:
            try:
                with files.open_input_file(path) as file:
                    if file.size() != size:
                        return f"{path}, which has {file.size():,} of its {size:,} bytes"
                    _read_parquet(file, is_deep)
            except (OSError, pa.ArrowException) as error:
                return f"{path} ({error})"
    return None


def _read_parquet(file: pa.NativeFile, is_deep: bool) -> None:
    """Read the footer, and if `is_deep` every page against its checksum, where it has one."""
    parquet = pq.ParquetFile(file, page_checksum_verification=True)
    if is_deep:
        for _ in parquet.iter_batches():
            pass
