"""Whether the files of a table still hold the bytes that were written.

Spark and `files.write_file` store a checksum in every Parquet page; delta-rs cannot. So a file that
is new to verification has its pages read, with their checksums where they have any, and its SHA-256
is noted in `ops.file_checksums`. From then on the file must have that hash.
"""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake
from deltalake.fs import DeltaStorageHandler
from pyarrow.fs import PyFileSystem
from pyspark.sql import SparkSession

from lakehouse import damage, names, store
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.delta.differences import Difference

LOG = logging.getLogger(__name__)
# So much of what was read before is read again in one verification, chosen at random.
BYTES_AGAIN = 2 * 2**30
_NOTED = {"table": pl.String, "path": pl.String, "sha256": pl.String}


@dataclass(frozen=True)
class StoredFile:
    """A file that a table's log names: its size in bytes, and its hash if one was noted."""

    table: str
    uri: str
    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True)
class Checked:
    """A file that was read: its hash, and what is wrong with it, if anything."""

    file: StoredFile
    sha256: str | None
    difference: Difference | None


def verify(
    spark: SparkSession,
    settings: Settings,
    tables: Iterable[str],
    bytes_again: int | None = BYTES_AGAIN,
) -> list[Difference]:
    """Files of `tables` that are missing or damaged; the hashes of sound new ones are noted.

    Sizes are compared for all files. New files are read whole, and of those noted before as many as
    fit `bytes_again`; None reads all of them. The reading takes place in Spark's tasks.
    """
    options = settings.lake_options
    noted = _noted(settings)
    known = {(table, path): sha256 for table, path, sha256 in noted.iter_rows()}
    uris = {name: table_uri(settings.lake_uri, name) for name in tables}
    files = [one for name, uri in uris.items() for one in _listed(name, uri, options, known)]
    chosen = [*(one for one in files if one.sha256 is None), *_again(files, bytes_again)]
    mebibytes = sum(one.size for one in chosen) / 2**20
    LOG.info("reading %d of %d files, %.0f MiB", len(chosen), len(files), mebibytes)
    read = _read(spark, chosen, options)
    held = {one.file: one.sha256 for one in read}
    rows = [(one.table, one.path, one.sha256 or held.get(one)) for one in files]
    kept = pl.DataFrame(rows, schema=_NOTED, orient="row").drop_nulls()
    _note(settings, pl.concat([kept, noted.filter(~pl.col("table").is_in(list(uris)))]), noted)
    found = [one.difference for one in read if one.difference]
    unread = set(files) - {one.file for one in read}
    return found + [gap for one in unread if (gap := _of_size(one, _size(one, options)))]


def check(file: StoredFile, options: Mapping[str, str]) -> Checked:
    """Read one file whole; a file that fits its size and its checksums has no difference."""
    size = _size(file, options)
    if gap := _of_size(file, size):
        return Checked(file, None, gap)
    place = PyFileSystem(DeltaStorageHandler(file.uri, dict(options)))
    with place.open_input_file(file.path) as source:
        sha256 = hashlib.file_digest(source, "sha256").hexdigest()
        if file.sha256 == sha256:
            return Checked(file, sha256, None)
        if file.sha256 is not None:
            return Checked(file, None, _of(file, f"SHA-256 {sha256}", f"SHA-256 {file.sha256}"))
        source.seek(0)
        try:
            for _ in pq.ParquetFile(source, page_checksum_verification=True).iter_batches():
                pass
        except (OSError, pa.ArrowException) as error:
            return Checked(file, None, _of(file, str(error), "pages as they were written"))
    return Checked(file, sha256, None)


def _noted(settings: Settings) -> pl.DataFrame:
    uri = table_uri(settings.lake_uri, names.FILE_CHECKSUMS)
    if not store.exists(uri, settings.lake_options):
        return pl.DataFrame(schema=_NOTED)
    rows = store.scan(uri, settings.lake_options).select(*_NOTED)
    return store.collect(rows, uri, settings.lake_options)


def _note(settings: Settings, kept: pl.DataFrame, before: pl.DataFrame) -> None:
    """Replace the notes where they have changed; files that no log names are left out."""
    kept = kept.sort(*_NOTED)
    if not kept.equals(before.sort(*_NOTED)):
        uri = table_uri(settings.lake_uri, names.FILE_CHECKSUMS)
        options = settings.lake_options
        write_deltalake(uri, kept.to_arrow(), mode="overwrite", storage_options=options)


def _listed(
    table: str, uri: str, options: store.Options, known: Mapping[tuple[str, str], str]
) -> Iterator[StoredFile]:
    # Its own files are new each time it is written.
    if table == names.FILE_CHECKSUMS or not store.exists(uri, options):
        return
    actions = pl.DataFrame(damage.open_log(uri, options).get_add_actions())
    for escaped, size in actions.select("path", "size_bytes").iter_rows():
        path = unquote(escaped)
        yield StoredFile(table, uri, path, size, known.get((table, path)))


def _again(files: Iterable[StoredFile], most: int | None) -> Iterator[StoredFile]:
    """Files noted before, in random order, until they have `most` bytes."""
    before = [one for one in files if one.sha256 is not None]
    random.shuffle(before)
    total = 0
    for one in before:
        total += one.size
        if most is not None and total > most:
            return
        yield one


def _read(
    spark: SparkSession, files: list[StoredFile], options: Mapping[str, str]
) -> list[Checked]:
    if not files:
        return []
    context = spark.sparkContext
    slices = min(len(files), 4 * context.defaultParallelism)
    return context.parallelize(files, slices).map(partial(check, options=options)).collect()


def _size(file: StoredFile, options: Mapping[str, str]) -> int | None:
    info = DeltaStorageHandler(file.uri, dict(options)).get_file_info([file.path])[0]
    return int(info.size) if info.is_file else None


def _of_size(file: StoredFile, size: int | None) -> Difference | None:
    if size == file.size:
        return None
    return _of(file, "no file" if size is None else f"{size:,} bytes", f"{file.size:,} bytes")


def _of(file: StoredFile, stored: str, expected: str) -> Difference:
    return Difference(file.table, f"file {file.path}", "", stored, expected)
