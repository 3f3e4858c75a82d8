"""Keeps Delta tables fast to read: few large files, a fresh checkpoint, no stale files."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import date, timedelta

from delta.exceptions import (
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentWriteException,
    DeltaConcurrentModificationException,
)
from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from lakehouse import damage, store
from lakehouse.errors import ContractError
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.delta.tables import KEEP_DAYS

LOG = logging.getLogger(__name__)
# Readers of an older version, a stream that is behind among them, still need its files.
SAFE_RETENTION_HOURS = 168.0
CONFLICTS = (
    ConcurrentAppendException,
    ConcurrentDeleteDeleteException,
    ConcurrentDeleteReadException,
    ConcurrentWriteException,
    DeltaConcurrentModificationException,
)


def maintain(
    spark: SparkSession,
    settings: Settings,
    tables: Iterable[str],
    retention_hours: float = SAFE_RETENTION_HOURS,
) -> list[str]:
    """Compact, checkpoint and vacuum those of `tables` that exist, and return them.

    Of a table that keeps its rows for some days only, older ones are deleted first.

    Raises `ContractError` for a retention below the safe one.
    """
    if retention_hours < SAFE_RETENTION_HOURS:
        raise ContractError(
            "--retention-hours",
            f"at least {SAFE_RETENTION_HOURS:.0f}",
            f"{retention_hours:g}",
            "leave the files of recent versions to their readers",
        )
    uris = (table_uri(settings.lake_uri, name) for name in tables)
    present = [uri for uri in uris if store.exists(uri, settings.lake_options)]
    for uri in present:
        expire(uri, settings.lake_options)
        removed, added = _compact(spark, uri)
        # Spark would list and shuffle for half a minute per table; the log knows the files.
        table = damage.open_log(uri, settings.lake_options)
        table.create_checkpoint()
        stale = table.vacuum(int(retention_hours), dry_run=False, full=True)
        LOG.info("%s: %d files became %d, %d stale deleted", uri, removed, added, len(stale))
    return present


def expire(uri: str, options: store.Options) -> None:
    """Delete the partitions that are older than the table keeps them, counted from its latest.

    Whole partitions only, so that streams over the table need not care.
    """
    table = damage.open_log(uri, options)
    kept = table.metadata().configuration.get(KEEP_DAYS)
    if kept is None:
        return
    column = table.metadata().partition_columns[0]
    dates = {date.fromisoformat(values[column]) for values in table.partitions()}
    oldest = max(dates, default=date.min + timedelta(int(kept))) - timedelta(days=int(kept))
    if any(one < oldest for one in dates):
        table.delete(f"\"{column}\" < DATE '{oldest}'")


def _compact(spark: SparkSession, uri: str) -> tuple[int, int]:
    """Compact small files; how many were removed and added, or none if the streams got there first.

    What a stream rewrites meanwhile cannot be compacted; it is small, and is compacted next time.
    """
    try:
        compacted = DeltaTable.forPath(spark, uri).optimize().executeCompaction()
    except CONFLICTS as error:
        LOG.warning("%s: written to meanwhile, files are joined next time (%s)", uri, error)
        return 0, 0
    removed, added = compacted.select("metrics.numFilesRemoved", "metrics.numFilesAdded").first()
    return int(removed), int(added)
