"""One step of a mirror: the rows that changed since the cursor go to MySQL and, if named, to Kafka.

The cursor is a Delta version kept in MySQL and moved in the transaction that writes the rows, so a
mirror that dies anywhere repeats its step and ends with the same rows. Messages are keyed; a
repeated step sends the same keys again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from lakehouse import names, store
from lakehouse.contracts import PREDICTIONS, Contract
from lakehouse.store import Changes

LOG = logging.getLogger(__name__)
BLOCK_ROWS = 5_000
# What a step holds in memory; a backlog is made up for in many steps.
MOST_VERSIONS = 50

Publish = Callable[[str, pl.DataFrame], None]


@dataclass(frozen=True)
class Mirror:
    """A Delta table and the MySQL table, and perhaps the topic, that follow it."""

    contract: Contract
    mysql_table: str
    topic: str | None = None

    @property
    def name(self) -> str:
        """Name of the mirror's cursor."""
        return f"{self.contract.name}>{self.mysql_table}"


MIRRORS = (Mirror(PREDICTIONS, names.MYSQL_PREDICTIONS, names.TOPIC_PREDICTIONS),)


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

    One step looks at `MOST_VERSIONS` versions at the most.
    """
    uri = names.table_uri(lake_uri, mirror.contract.name)
    latest = store.version(uri, options)
    cursor = connection.cursor()
    done = _cursor_of(cursor, mirror)
    if latest is None or latest == done:
        connection.commit()
        return 0
    changed = _changed(uri, done, latest, options)
    rows = _latest_rows(changed.frame, mirror.contract)
    if mirror.topic and rows.height:
        publish(mirror.topic, rows)
    statement = upsert_statement(mirror)
    for block in _blocks(rows):
        cursor.executemany(statement, block)
    cursor.execute(_MOVE, (mirror.name, changed.version, changed.version))
    connection.commit()
    return rows.height


def upsert_statement(mirror: Mirror) -> str:
    """INSERT that replaces the row of the same key; known to MySQL 8.4 and MariaDB 11.4 alike."""
    columns = mirror.contract.names
    rest = [name for name in columns if name not in mirror.contract.key]
    return (
        f"INSERT INTO {mirror.mysql_table} ({', '.join(f'`{name}`' for name in columns)}) "  # noqa: S608
        f"VALUES ({', '.join(['%s'] * len(columns))}) "
        f"ON DUPLICATE KEY UPDATE {', '.join(f'`{name}` = VALUES(`{name}`)' for name in rest)}"
    )


_READ = f"SELECT version FROM {names.MYSQL_CURSORS} WHERE name = %s"  # noqa: S608
_MOVE = (
    f"INSERT INTO {names.MYSQL_CURSORS} (name, version) VALUES (%s, %s) "  # noqa: S608
    "ON DUPLICATE KEY UPDATE version = %s"
)


def _cursor_of(cursor: Any, mirror: Mirror) -> int:
    cursor.execute(_READ, (mirror.name,))
    row = cursor.fetchone()
    return -1 if row is None else int(row[0])


def _changed(uri: str, done: int, latest: int, options: store.Options | None) -> Changes:
    if done > latest:
        LOG.warning("%s was made anew (version %s, cursor %s): reading it whole", uri, latest, done)
        done = -1
    try:
        return store.changes(uri, done, options, most=MOST_VERSIONS)
    except Exception as error:  # delta-rs has no narrower class for a vacuumed version
        LOG.warning("%s: changes since %s are gone (%s): reading it whole", uri, done, error)
        return Changes(store.scan(uri, options, at=latest).collect(), latest)


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
