"""One step of a mirror: the rows that changed since the cursor go to MySQL and, if named, to Kafka.

The cursor is a Delta version kept in MySQL and moved in the transaction that writes the rows, so a
mirror that dies anywhere repeats its step and ends with the same rows. Messages are keyed; a
repeated step sends the same keys again. Its name holds the table's own id: a table that was made
anew has a cursor of its own and is read from its beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import polars as pl

from lakehouse import store
from lakehouse.contracts import Contract
from lakehouse.domain import Mirror
from lakehouse.errors import ServiceError
from lakehouse.names import MYSQL_CURSORS, table_uri
from lakehouse.store import Changes

LOG = logging.getLogger(__name__)
BLOCK_ROWS = 5_000
# What a step holds in memory; a backlog is made up for in many steps.
MOST_VERSIONS = 50

Publish = Callable[[str, pl.DataFrame], None]


class Connection(Protocol):
    """The part of a DB-API connection that a mirror uses."""

    def cursor(self) -> Any:
        """A cursor."""
        ...

    def commit(self) -> None:
        """Make the transaction last."""
        ...


def step(
    mirror: Mirror,
    lake_uri: str,
    connection: Connection,
    publish: Publish,
    options: store.Options | None = None,
) -> int:
    """Bring `mirror` nearer to the latest version of its table; number of rows written.

    One step looks at `MOST_VERSIONS` versions at the most; where their changes are gone it writes
    the whole table in parts. Raises `ServiceError` when the lake cannot be read.
    """
    uri = table_uri(lake_uri, mirror.contract.name)
    table_id, latest = store.identity(uri, options), store.version(uri, options)
    if table_id is None or latest is None:
        return 0
    cursor, place = connection.cursor(), mirror.cursor(table_id)
    done = _version_of(cursor, place)
    if latest == done:
        connection.commit()
        return 0
    found = _changes(uri, done, latest, options)
    written = 0
    for rows in [found.frame] if found else _parts(mirror, store.scan(uri, options, at=latest)):
        written += _put(mirror, rows, connection, publish)
        if found is None:
            connection.commit()
    reached = found.version if found else latest
    cursor.execute(_MOVE, (place, reached, reached))
    connection.commit()
    return written


def upsert_statement(mirror: Mirror) -> str:
    """INSERT that replaces the row of the same key; known to MySQL 8.4 and MariaDB 11.4 alike."""
    columns = mirror.contract.names
    rest = [name for name in columns if name not in mirror.contract.key]
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


def _version_of(cursor: Any, place: str) -> int:
    cursor.execute(_READ, (place,))
    row = cursor.fetchone()
    return -1 if row is None else int(row[0])


def _changes(uri: str, done: int, latest: int, options: store.Options | None) -> Changes | None:
    """What changed after `done`; None where that cannot be told any more."""
    if done > latest:
        LOG.warning("%s stands at version %s, the cursor at %s: writing all", uri, latest, done)
        return None
    try:
        return store.changes(uri, done, options, most=MOST_VERSIONS)
    except Exception as error:  # delta-rs has no class for it
        if not any(sign in str(error) for sign in _GONE):
            raise ServiceError(uri, "its changes", str(error), "it is tried again") from error
        LOG.warning("%s: changes since %s are gone (%s): writing all", uri, done, error)
        return None


# How delta-rs says that a version or a file of it has been cleaned away.
_GONE = ("Invalid table version", "not found")


def _parts(mirror: Mirror, table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """A table in parts that fit into memory and into a transaction."""
    if mirror.part_by is None:
        yield table.collect()
        return
    for value in table.select(mirror.part_by).unique().collect()[mirror.part_by].sort():
        yield table.filter(pl.col(mirror.part_by) == value).collect()


def _put(mirror: Mirror, changed: pl.DataFrame, connection: Connection, publish: Publish) -> int:
    """Publish and write the last state of each row; the number of rows."""
    rows = _latest_rows(changed, mirror.contract)
    if mirror.topic and rows.height:
        publish(mirror.topic, rows)
    statement, cursor = upsert_statement(mirror), connection.cursor()
    for block in _blocks(rows):
        cursor.executemany(statement, block)
    return rows.height


def _latest_rows(changed: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    if not changed.height:
        return changed
    return changed.unique(subset=list(contract.key), keep="last", maintain_order=True).select(
        contract.names
    )


def _blocks(rows: pl.DataFrame) -> Iterator[list[tuple[Any, ...]]]:
    naive = rows.with_columns(
        pl.col(name).dt.replace_time_zone(None)
        for name, kind in rows.schema.items()
        if isinstance(kind, pl.Datetime)
    )
    for block in naive.iter_slices(BLOCK_ROWS):
        if block.height:
            yield block.rows()
