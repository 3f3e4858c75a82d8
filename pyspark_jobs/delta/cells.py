"""Partitions of a table as their files: read with the file of each row, replaced file by file.

A task reads the cells that it works on as of one version, and writes new files in place of those
that hold outdated rows. Nothing of this is visible before `DeltaTableWriter.replace_files` commits
it. Partition columns must be dates or numbers, because their values become folder names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl
from deltalake import DeltaTable

from lakehouse.contracts import Contract
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from pyspark_jobs.delta.files import PendingFile, write_file

PATH = "_file"
_ABOUT: dict[str, pl.DataType] = {
    "path": pl.String(),
    "size_bytes": pl.Int64(),
    "num_records": pl.Int64(),
}
# Spark writes timestamps with nanoseconds, everybody else with microseconds.
_CASTS = pl.ScanCastOptions(datetime_cast=["nanosecond-downcast", "convert-timezone"])


@dataclass(frozen=True)
class Replacement:
    """Files to add to a table, and the files whose place they take."""

    added: tuple[PendingFile, ...] = ()
    removed: tuple[PendingFile, ...] = ()

    @property
    def rows(self) -> int:
        """Rows in the added files, those that were only copied included."""
        return sum(one.rows for one in self.added)

    @classmethod
    def together(cls, parts: Sequence[Replacement]) -> Replacement:
        """All parts as one; they must not remove the same files."""
        return cls(
            tuple(one for part in parts for one in part.added),
            tuple(one for part in parts for one in part.removed),
        )


@dataclass(frozen=True)
class Cells:
    """Files of a table at one version: `path` as in the log, size, number of rows, partition.

    `options` are the object store's; empty for a local path.
    """

    uri: str
    contract: Contract
    options: Mapping[str, str]
    version: int
    files: pl.DataFrame

    @classmethod
    def of(
        cls, table: DeltaTable, lake_uri: str, contract: Contract, options: Mapping[str, str]
    ) -> Cells:
        """All files of `table` in the version that it is at."""
        uri = table_uri(lake_uri, contract.name)
        return cls(uri, contract, dict(options), int(table.version()), _listed(table, contract))

    def where(self, holds: pl.Expr) -> Cells:
        """Only the files whose partition columns satisfy `holds`."""
        return replace(self, files=self.files.filter(holds))

    def of_files(self, files: Sequence[PendingFile]) -> Cells:
        """These files of the same table, although no version may have them yet."""
        kinds = polars_schema(self.contract)
        parted = {name: kinds[name] for name in self.contract.partition_by}
        rows = [
            {"path": one.path, "size_bytes": one.size, "num_records": one.rows, **one.partition}
            for one in files
        ]
        text: dict[str, pl.DataType] = dict.fromkeys(parted, pl.String())
        found = pl.DataFrame(rows, schema=_ABOUT | text)
        casts = [
            pl.col(name).str.to_date() if kind == pl.Date else pl.col(name).cast(kind)
            for name, kind in parted.items()
        ]
        return replace(self, files=found.with_columns(casts))

    def read(self) -> pl.LazyFrame:
        """The rows of these files, with the path of its file in the column `PATH`."""
        kinds = polars_schema(self.contract)
        if self.files.is_empty():
            return pl.LazyFrame(schema=kinds | {PATH: pl.String()})
        parted = {name: kinds.pop(name) for name in self.contract.partition_by}
        rows = pl.scan_parquet(
            [f"{self.uri}/{path}" for path in self.files["path"]],
            schema=kinds,
            hive_partitioning=bool(parted),
            hive_schema=parted or None,
            include_file_paths=PATH,
            missing_columns="insert",
            extra_columns="ignore",
            cast_options=_CASTS,
            glob=False,
            storage_options=dict(self.options) or None,
        )
        relative = pl.col(PATH).str.strip_prefix(f"{self.uri}/")
        return rows.select(*self.contract.names, relative)

    def put(self, rows: pl.DataFrame, known: pl.DataFrame) -> Replacement:
        """Write files that hold `rows` in place of the stored rows with the same key.

        `known` has the key and `PATH` of stored rows, at least of those that `rows` replace. Only
        the files that hold such a row are rewritten; the others stay as they are.
        """
        key, parted = list(self.contract.key), list(self.contract.partition_by)
        outdated = known.join(rows.select(key), on=key, how="semi")[PATH].unique()
        rewritten = self.where(pl.col("path").is_in(outdated.implode()))
        beside = dict(rewritten.files.group_by(parted))
        added: list[PendingFile] = []
        for values, some in rows.group_by(parted):
            whole = some.select(self.contract.names)
            if values in beside:
                stored = replace(self, files=beside[values]).read()
                kept = stored.join(some.lazy(), on=key, how="anti").select(self.contract.names)
                whole = pl.concat([kept.collect(), whole])
            added.append(write_file(whole, self.uri, self.contract, self.options))
        return Replacement(tuple(added), tuple(rewritten.listed()))

    def listed(self) -> Iterator[PendingFile]:
        """The files, without their statistics."""
        for row in self.files.iter_rows(named=True):
            values = {name: str(row[name]) for name in self.contract.partition_by}
            yield PendingFile(row["path"], row["size_bytes"], "", values, row["num_records"])


def _listed(table: DeltaTable, contract: Contract) -> pl.DataFrame:
    actions = table.get_add_actions()
    if not actions.num_rows:
        kinds = polars_schema(contract)
        parted = {name: kinds[name] for name in contract.partition_by}
        return pl.DataFrame(schema=_ABOUT | parted)
    known = pl.DataFrame(actions)
    if not contract.partition_by:
        return known.select(*_ABOUT)
    return known.select(*_ABOUT, "partition").unnest("partition")
