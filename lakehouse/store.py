"""Reads of Delta tables without a JVM: through polars and delta-rs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from lakehouse import damage

Options = dict[str, str]

CHANGE_TYPE = "_change_type"
_CHANGE_COLUMNS = (CHANGE_TYPE, "_commit_version", "_commit_timestamp")
_UPSERTS = ("insert", "update_postimage")
BATCH_ROWS = 200_000


@dataclass(frozen=True)
class Changes:
    """Rows added or changed after one version of a table, up to and including another."""

    frame: pl.DataFrame
    version: int


class Table:
    """A Delta table as of when it was opened; its log is read once for all queries."""

    def __init__(self, uri: str, options: Options | None = None) -> None:
        """Raises `TableNotFoundError` where there is no table; `open_table` returns None there."""
        self._table = damage.open_log(uri, options)
        self._uri, self._options = uri, options
        self.version = int(self._table.version())

    @property
    def id(self) -> str:
        """The table's own id, which changes when it is recreated."""
        return str(self._table.metadata().id)

    def scan(self) -> pl.LazyFrame:
        """The rows of this version as a lazy frame."""
        return scan(self._uri, self._options, at=self.version)

    def collect(self, rows: pl.LazyFrame) -> pl.DataFrame:
        """The rows of a lazy frame over this table; raises as the function `collect` does."""
        return collect(rows, self._uri, self._options)

    def changes(
        self, after: int, columns: tuple[str, ...] | None = None, most: int | None = None
    ) -> Changes:
        """Rows inserted or updated by the versions after `after` (-1: all), in order of commit.

        With `most`, at most that many versions are read and later ones are left. The table needs a
        change data feed; the frame has its columns (or only those in `columns`) and
        `_commit_version`. If a version has been vacuumed away, delta-rs raises, and the caller
        starts again from -1.
        """
        if self.version <= after:
            return Changes(pl.DataFrame(), self.version)
        # Unquoted, delta-rs would look for them in lower case.
        named = [f'"{name}"' for name in (*columns, *_CHANGE_COLUMNS)] if columns else None
        last = self.version if most is None else min(self.version, after + most)
        frame = self._feed(after, last, named)
        upserts = frame.filter(pl.col(CHANGE_TYPE).is_in(_UPSERTS)).sort("_commit_version")
        return Changes(upserts.drop(CHANGE_TYPE, "_commit_timestamp"), last)

    def touched(self, after: int, column: str) -> set[Any]:
        """Values of `column` in rows that any version after `after` added, changed or removed.

        Raises as `changes` does.
        """
        if self.version <= after:
            return set()
        return set(self._feed(after, self.version, [f'"{column}"'])[column].unique())

    def _feed(self, after: int, last: int, columns: list[str] | None) -> pl.DataFrame:
        with damage.reading(self._uri, self._options):
            reader = self._table.load_cdf(after + 1, last, columns=columns)
            return cast(pl.DataFrame, pl.from_arrow(pa.table(reader.read_all())))


def open_table(uri: str, options: Options | None = None) -> Table | None:
    """The table at `uri` in its latest version, or None if there is no table."""
    try:
        return Table(uri, options)
    except TableNotFoundError:
        return None


def exists(uri: str, options: Options | None = None) -> bool:
    """Whether a Delta table is at `uri`."""
    return bool(DeltaTable.is_deltatable(uri, options))


def version(uri: str, options: Options | None = None) -> int | None:
    """Latest version of the table, or None if there is no table."""
    found = open_table(uri, options)
    return found.version if found else None


def identity(uri: str, options: Options | None = None) -> str | None:
    """The table's own id, or None if there is no table."""
    found = open_table(uri, options)
    return found.id if found else None


def has_change_feed(uri: str, options: Options | None = None) -> bool:
    """Whether the table records which rows each version changed."""
    configuration = damage.open_log(uri, options).metadata().configuration
    return bool(configuration.get("delta.enableChangeDataFeed") == "true")


def scan(uri: str, options: Options | None = None, at: int | None = None) -> pl.LazyFrame:
    """The table as a lazy frame, as of version `at`; deletion vectors are honoured.

    Raises as `damage.open_log` does.
    """
    return pl.scan_delta(damage.open_log(uri, options, at))


def collect(rows: pl.LazyFrame, uri: str, options: Options | None = None) -> pl.DataFrame:
    """The rows of a lazy frame over the table at `uri`.

    Raises `StorageError` with the file's name if one of its files cannot be read.
    """
    with damage.reading(uri, options):
        return rows.collect()


def count(uri: str, options: Options | None = None) -> int:
    """Number of rows in the table; 0 if there is no table."""
    if not exists(uri, options):
        return 0
    return int(collect(scan(uri, options).select(pl.len()), uri, options).item())


def visit(
    rows: pl.LazyFrame,
    uri: str,
    take: Callable[[pl.DataFrame], None],
    options: Options | None = None,
) -> None:
    """Hand the rows of a lazy frame over the table at `uri` to `take`, in batches.

    They come in no fixed order. Raises as `collect` does.
    """
    # Not `collect_batches`: of a damaged file it returns nothing, without a word.
    with damage.reading(uri, options):
        rows.sink_batches(take, chunk_size=BATCH_ROWS, maintain_order=False)


def changes(
    uri: str, after: int, options: Options | None = None, columns: tuple[str, ...] | None = None
) -> Changes:
    """Rows inserted or updated after version `after`, as `Table.changes` finds them."""
    return Table(uri, options).changes(after, columns)


def touched(uri: str, after: int, column: str, options: Options | None = None) -> set[Any]:
    """Values of `column` in rows changed after version `after`, as `Table.touched` finds them."""
    return Table(uri, options).touched(after, column)
