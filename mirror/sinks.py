"""Where a mirror writes: the protocol of a sink, and MySQL as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

import polars as pl

from lakehouse.contracts import Contract, Kind
from lakehouse.domain import Mirror
from lakehouse.names import MYSQL_CURSORS

BLOCK_ROWS = 5_000
START = -1


class Sink(Protocol):
    """A store for rows, together with the table version that they have reached."""

    def position(self, cursor: str) -> int:
        """The version of the cursor with that name; `START` for a new one."""
        ...

    def put(self, mirror: Mirror, rows: pl.DataFrame) -> None:
        """Insert `rows`, or replace those with the same key; repeating it changes nothing."""
        ...

    def move(self, cursor: str, version: int) -> None:
        """Set the cursor to `version`."""
        ...

    def commit(self) -> None:
        """Make everything since the last commit visible and durable at once."""
        ...


class Connection(Protocol):
    """The part of the DB-API connection that the sink uses."""

    def cursor(self) -> Any:
        """A cursor, which is a context manager."""
        ...

    def commit(self) -> None:
        """Commit the transaction."""
        ...


class MysqlSink:
    """Rows in a MySQL table; the cursor moves in the transaction that writes them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def position(self, cursor: str) -> int:
        """The version in the table of cursors."""
        with self._connection.cursor() as ask:
            ask.execute(_READ, (cursor,))
            row = ask.fetchone()
        return START if row is None else int(row[0])

    def put(self, mirror: Mirror, rows: pl.DataFrame) -> None:
        """Write `rows` in blocks."""
        statement = upsert_statement(mirror)
        with self._connection.cursor() as write:
            for block in _blocks(mirror.published, rows):
                write.executemany(statement, block)

    def move(self, cursor: str, version: int) -> None:
        """Record the version in the table of cursors."""
        with self._connection.cursor() as write:
            write.execute(_MOVE, (cursor, version, version))

    def commit(self) -> None:
        """Commit the transaction."""
        self._connection.commit()


def upsert_statement(mirror: Mirror) -> str:
    """INSERT that replaces the row with the same key, on MySQL 8.4 and MariaDB 11.4 alike."""
    columns = mirror.published.names
    # A table of nothing but its key has no other column to set.
    rest = [name for name in columns if name not in mirror.contract.key] or columns[:1]
    return (
        f"INSERT INTO {mirror.mysql_table} ({', '.join(f'`{name}`' for name in columns)}) "  # noqa: S608
        f"VALUES ({', '.join(['%s'] * len(columns))}) "
        f"ON DUPLICATE KEY UPDATE {', '.join(f'`{name}` = VALUES(`{name}`)' for name in rest)}"
    )


_READ = f"SELECT version FROM {MYSQL_CURSORS} WHERE name = %s"  # noqa: S608
_MOVE = (
    f"INSERT INTO {MYSQL_CURSORS} (name, version) VALUES (%s, %s) "  # noqa: S608
    "ON DUPLICATE KEY UPDATE version = %s"
)


def _blocks(contract: Contract, rows: pl.DataFrame) -> Iterator[list[tuple[Any, ...]]]:
    fitting = rows.with_columns(
        _for_mysql(name, contract.field(name).kind) for name in rows.columns
    )
    for block in fitting.iter_slices(BLOCK_ROWS):
        if block.height:
            yield block.rows()


def _for_mysql(name: str, kind: Kind) -> pl.Expr:
    """A column as the driver takes it for the type that `lakehouse.kinds` gives in MySQL."""
    column = pl.col(name)
    match kind:
        case "timestamp":
            return column.dt.replace_time_zone(None)
        case "double":  # MySQL has neither NaN nor infinities
            return pl.when(column.is_finite()).then(column)
        case "longs" | "doubles" | "strings":
            return column.map_elements(_as_json, return_dtype=pl.String)
        case _:
            return column


def _as_json(values: pl.Series) -> str:
    return json.dumps(values.to_list())
