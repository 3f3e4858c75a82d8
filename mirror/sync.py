"""One step of a mirror: rows that changed since the cursor go to its sink and, if named, to Kafka.

The cursor is a Delta version that the sink stores and advances together with the rows, so a mirror
that dies anywhere repeats its step and ends up with the same rows. Messages are keyed; a repeated
step sends the same keys again. The cursor's name contains the table's own id, so a recreated table
has its own cursor and is read from the beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import polars as pl

from lakehouse import store
from lakehouse.contracts import Contract
from lakehouse.domain import Mirror
from lakehouse.errors import ServiceError
from lakehouse.models.scoring import FEATURE_NAMES
from lakehouse.models.stored_features import spoken
from lakehouse.names import table_uri
from lakehouse.store import Changes, Table
from mirror.sinks import Sink

LOG = logging.getLogger(__name__)
# What a step holds in memory; a backlog is made up for in many steps.
MOST_VERSIONS = 50

Publish = Callable[[str, pl.DataFrame], None]


def step(
    mirror: Mirror,
    lake_uri: str,
    sink: Sink,
    publish: Publish,
    options: store.Options | None = None,
) -> int:
    """Bring `mirror` closer to the latest version of its table; returns the number of rows written.

    One step reads at most `MOST_VERSIONS` versions; if their changes are gone, it writes the whole
    table in parts. Raises `ServiceError` when the lake cannot be read.
    """
    table = _open(table_uri(lake_uri, mirror.contract.name), options)
    if table is None:
        return 0
    cursor = mirror.cursor(table.id)
    done = sink.position(cursor)
    if table.version == done:
        sink.commit()
        return 0
    found = _changes(mirror, table, done)
    written = 0
    for rows in [found.frame] if found else _parts(mirror, table):
        written += _put(mirror, rows, sink, publish)
        if found is None:
            sink.commit()
    sink.move(cursor, found.version if found else table.version)
    sink.commit()
    return written


def _open(uri: str, options: store.Options | None) -> Table | None:
    try:
        return store.open_table(uri, options)
    except Exception as error:  # delta-rs has many
        problem = f"The log of {uri} could not be read and will be tried again: {error}"
        raise ServiceError.sentence(problem, where=uri) from error


def _changes(mirror: Mirror, table: Table, done: int) -> Changes | None:
    """What changed after `done`; None if that is no longer known."""
    name = mirror.contract.name
    if done > table.version:
        LOG.warning("%s is at version %s, the cursor at %s: writing all", name, table.version, done)
        return None
    try:
        return table.changes(done, most=MOST_VERSIONS)
    except Exception as error:  # delta-rs has no class for it
        if not any(sign in str(error) for sign in _GONE):
            problem = f"Changes of {name} could not be read and will be tried again: {error}"
            raise ServiceError.sentence(problem, where=name) from error
        LOG.warning("%s: changes since %s are gone (%s): writing all", name, done, error)
        return None


# How delta-rs says that a version or a file of it has been cleaned away.
_GONE = ("Invalid table version", "not found")


def _parts(mirror: Mirror, table: Table) -> Iterator[pl.DataFrame]:
    """A table in parts that fit into memory and into a transaction."""
    rows = table.scan()
    if mirror.part_by is None:
        yield table.collect(rows)
        return
    values = table.collect(rows.select(mirror.part_by).unique())
    for value in values[mirror.part_by].sort():
        yield table.collect(rows.filter(pl.col(mirror.part_by) == value))


def _put(mirror: Mirror, changed: pl.DataFrame, sink: Sink, publish: Publish) -> int:
    """Publish and write the last state of each row; the number of rows."""
    rows = _latest_rows(changed, mirror.contract)
    if rows.height:
        if FEATURE_NAMES in rows.columns:
            rows = spoken(rows).select(mirror.published.names)
        if mirror.topic:
            publish(mirror.topic, rows)
        sink.put(mirror, rows)
    return rows.height


def _latest_rows(changed: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    if not changed.height:
        return changed
    return changed.unique(subset=list(contract.key), keep="last", maintain_order=True).select(
        contract.names
    )
