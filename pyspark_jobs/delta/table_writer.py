"""Small changes to Delta tables from this process, without a Spark job for each.

A commit of a few thousand rows takes a hundredth of the processor time this way. The tables stay
ordinary Delta tables that Spark reads, streams and compacts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime

import polars as pl
import stamina
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from lakehouse import damage
from lakehouse.contracts import Contract
from lakehouse.names import table_uri
from pyspark_jobs.delta.cells import Cells, Replacement
from pyspark_jobs.delta.files import PendingFile
from pyspark_jobs.delta.predicates import matches

ATTEMPTS = 5
HISTORY = 200
CHANGES_NOTE = "changes"
"""Key of the note with which features take in what is in their table of changes by then."""
COMPACT_EVERY = 200
LARGE_BYTES = 32 * 2**20


class OvertakenError(Exception):
    """Another commit has changed the files that a replacement was made from."""


def last_noted(table: DeltaTable, key: str) -> tuple[int, str] | None:
    """The latest commit that recorded something under `key`: its version and the value."""
    noted = (commit for commit in table.history(HISTORY) if key in commit)
    return next(((int(one["version"]), str(one[key])) for one in noted), None)


class DeltaTableWriter:
    """One Delta table, read and written by rows or by whole files; not thread-safe.

    `options` are the object store's; empty for a local path. The log is read once and followed from
    then on, so the cost of an access depends on what has been committed since the last one.
    """

    def __init__(self, lake_uri: str, contract: Contract, options: Mapping[str, str]) -> None:
        self._lake_uri, self.uri = lake_uri, table_uri(lake_uri, contract.name)
        self._contract, self._options = contract, dict(options)
        self._table: DeltaTable | None = None
        self._appended = 0

    def read(self) -> pl.LazyFrame:
        """The table as it stands now."""
        return pl.scan_delta(self._open())

    def date_range(self, column: str) -> tuple[date, date]:
        """Earliest and latest date of a partition column, from the log; the table is not empty."""
        dates = [values[column] for values in self._open().partitions()]
        return date.fromisoformat(min(dates)), date.fromisoformat(max(dates))

    def latest(self) -> DeltaTable:
        """The table in its latest version, for queries on its log."""
        return self._open()

    def last_note(self, key: str) -> str | None:
        """The latest value that a commit recorded under `key`; None if there is none."""
        noted = last_noted(self._open(), key)
        return None if noted is None else noted[1]

    @stamina.retry(on=CommitFailedError, attempts=ATTEMPTS, wait_initial=0.05)
    def append_files(
        self, files: Sequence[PendingFile], query: str, batch_id: int, at: datetime, note: str = ""
    ) -> None:
        """Commit `files` in a transaction that a replay of batch `batch_id` of `query` skips.

        `at` is when they were written, and `note` goes into the commit as `userMetadata`; without
        files and without a note there is no commit. It is retried if another writer replaces files
        meanwhile, as one that sets labels does. From time to time small files are merged into one,
        so that the log does not grow with every batch.
        """
        table = self._open()
        done = table.transaction_version(query)
        if not (files or note) or (done is not None and done >= batch_id):
            return
        done_with = CommitProperties(
            custom_metadata={"userMetadata": note}, app_transactions=[Transaction(query, batch_id)]
        )
        self._append(files, at, done_with)
        self._compact_at_times(note)

    def append(self, files: Sequence[PendingFile], at: datetime, note: str) -> None:
        """Commit `files` with a note, each time that it is asked to."""
        self._append(files, at, CommitProperties(custom_metadata={"userMetadata": note}))
        self._compact_at_times(note)

    def _append(
        self, files: Sequence[PendingFile], at: datetime, properties: CommitProperties
    ) -> None:
        table, moment = self._open(), int(at.timestamp() * 1000)
        table.create_write_transaction(
            [_add(one, moment) for one in files],
            mode="append",
            schema=table.schema(),
            partition_by=list(self._contract.partition_by),
            commit_properties=properties,
        )
        self._appended += len(files)

    def _compact_at_times(self, note: str) -> None:
        if self._appended >= COMPACT_EVERY:
            self._appended = 0
            self._compact(note)

    def cells(self) -> Cells:
        """All files as they stand now."""
        return Cells.of(self._open(), self._lake_uri, self._contract, self._options)

    def replace_files(
        self, change: Replacement, read: Cells, at: datetime, note: Mapping[str, str] | None = None
    ) -> None:
        """Commit a replacement that was made from the files `read`; none, no commit.

        The commit is only valid as the very next version after one in which all removed files are
        live and the cells have gained no file, or none with a key of ours if files are only added;
        otherwise it raises `OvertakenError`, and nothing has changed. `note` goes into the commit.
        """
        if not change.added:
            return
        moment = int(at.timestamp() * 1000)
        actions: list[AddAction | RemoveAction] = [_add(one, moment) for one in change.added]
        actions += [
            RemoveAction(one.path, True, moment, one.size, dict(one.partition))
            for one in change.removed
        ]
        for _ in range(ATTEMPTS):
            table = self._open()
            self._refuse_if_overtaken(table, change, read)
            # With retries, delta-rs commits on top of a compaction and doubles rows.
            properties = CommitProperties(custom_metadata=dict(note or {}), max_commit_retries=0)
            with suppress(CommitFailedError):
                table.create_write_transaction(
                    actions,
                    mode="append",
                    schema=table.schema(),
                    partition_by=list(self._contract.partition_by),
                    commit_properties=properties,
                )
                return
        raise OvertakenError(f"{self.uri}: another writer was faster {ATTEMPTS} times")

    def _refuse_if_overtaken(self, table: DeltaTable, change: Replacement, read: Cells) -> None:
        if table.version() == read.version:
            return
        live = Cells.of(table, self._lake_uri, self._contract, self._options).files
        if gone := {one.path for one in change.removed} - set(live["path"]):
            raise OvertakenError(f"{self.uri}: {len(gone)} files have been rewritten")
        news = live.join(read.files, on="path", how="anti")
        cells = {tuple(one.partition.values()) for one in change.added}
        named = news.select(pl.col(self._contract.partition_by).cast(pl.String)).iter_rows()
        taken = cells.intersection(named)
        if taken and (change.removed or _share_keys(read, news, change)):
            raise OvertakenError(f"{self.uri}: {len(taken)} cells have got rows")

    def _compact(self, note: str) -> None:
        properties = CommitProperties(custom_metadata={"userMetadata": note})
        # Maintenance that does the same at this moment is as good.
        with suppress(CommitFailedError):
            self._open().optimize.compact(target_size=LARGE_BYTES, commit_properties=properties)

    @stamina.retry(on=CommitFailedError, attempts=ATTEMPTS, wait_initial=0.05)
    def upsert(
        self, rows: pl.DataFrame, known: pl.DataFrame, note: Mapping[str, str] | None = None
    ) -> None:
        """Insert `rows`, replacing those whose key is among `known`; no rows, no commit.

        If a maintenance commit intervenes, the write is retried. `note` goes into the commit.
        """
        if rows.is_empty():
            return
        properties = CommitProperties(custom_metadata=dict(note or {}))
        table = self._open()
        data = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        if rows.join(known, on=self._contract.key, how="semi").is_empty():
            write_deltalake(table, data, mode="append", commit_properties=properties)
            return
        merge = table.merge(
            data,
            predicate=matches(rows, self._contract.key, self._contract.partition_by),
            source_alias="s",
            target_alias="t",
            streamed_exec=False,
            commit_properties=properties,
        )
        merge.when_matched_update_all().when_not_matched_insert_all().execute()

    def merge(
        self, rows: pl.DataFrame, key: Sequence[str], columns: Sequence[str], insert: bool
    ) -> None:
        """Set `columns` of the rows with a known `key`; insert the others too, if `insert`.

        Columns that are not named keep what is stored. Raises `CommitFailedError` when another
        writer has changed these rows since `read`.
        """
        merge = (self._table or self._open()).merge(
            rows.to_arrow(compat_level=pl.CompatLevel.oldest()),
            predicate=matches(rows, key, self._contract.partition_by),
            source_alias="s",
            target_alias="t",
        )
        merge = merge.when_matched_update({f'"{name}"': f's."{name}"' for name in columns})
        if insert:
            merge = merge.when_not_matched_insert_all()
        merge.execute()

    def replace(self, rows: pl.DataFrame) -> None:
        """Replace the whole table, for one that stays small and has this one writer.

        Raises `CommitFailedError` when another writer has changed the table since `read`.
        """
        data = rows.select(self._contract.names).to_arrow(compat_level=pl.CompatLevel.oldest())
        properties = CommitProperties(max_commit_retries=0)
        table = self._table or self._open()
        write_deltalake(table, data, mode="overwrite", commit_properties=properties)

    def _open(self) -> DeltaTable:
        with damage.reading_log(self.uri):
            if self._table is None:
                self._table = DeltaTable(self.uri, storage_options=self._options)
            else:
                self._table.update_incremental()
        return self._table


def _share_keys(read: Cells, news: pl.DataFrame, change: Replacement) -> bool:
    key = list(read.contract.key)
    theirs = dataclasses.replace(read, files=news).read().select(key)
    ours = read.of_files(change.added).read().select(key)
    return ours.join(theirs, on=key, how="semi").head(1).collect().height > 0


def _add(file: PendingFile, moment: int) -> AddAction:
    return AddAction(file.path, file.size, file.partition, moment, True, file.stats)
