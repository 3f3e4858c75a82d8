"""Exact counts that need the rows of Delta tables, in batches and in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from lakehouse import store
from lakehouse.checks import Conflicts
from lakehouse.distinct import DistinctHashes, hashes
from lakehouse.names import table_uri
from lakehouse.settings import Settings


class Tables:
    """The Delta tables of an installation; one that does not exist has no rows.

    Every method raises `StorageError` that names a file of the table that cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def scan(self, table: str) -> tuple[pl.LazyFrame, str] | None:
        """The table and its location; None if it does not exist."""
        uri, options = table_uri(self._settings.lake_uri, table), self._settings.lake_options
        return (store.scan(uri, options), uri) if store.exists(uri, options) else None

    def visit(
        self,
        table: str,
        columns: Iterable[str],
        take: Callable[[pl.DataFrame], None],
        where: pl.Expr | None = None,
    ) -> None:
        """Hand the rows of a table to `take` in batches; none if there is no table."""
        found = self.scan(table)
        if found is not None:
            frame, uri = found
            chosen = frame if where is None else frame.filter(where)
            store.visit(chosen.select(*columns), uri, take, self._settings.lake_options)

    def distinct(self, table: str, columns: Iterable[str], where: pl.Expr | None = None) -> int:
        """Distinct combinations of `columns` among the rows that satisfy `where`."""
        with DistinctHashes() as found:
            self.visit(table, columns, adding(found), where)
            return found.count()

    def total(self, table: str, column: str) -> int:
        """The sum of a column of whole numbers."""
        sums: list[int] = []
        self.visit(table, [column], lambda batch: sums.append(int(batch[column].sum())))
        return sum(sums)

    def _pairs(self, amount: Conflicts) -> DistinctHashes:
        pairs = DistinctHashes()

        def take(batch: pl.DataFrame) -> None:
            pairs.add(pl.DataFrame([hashes(batch.select(amount.id), "id"), hashes(batch, "row")]))

        self.visit(amount.table, dict.fromkeys((amount.id, *amount.columns)), take)
        return pairs

    def conflicts(self, amount: Conflicts) -> int:
        """How often an id is reused for something else."""
        with self._pairs(amount) as pairs:
            return sum(part.height - part["id"].n_unique() for part in pairs.parts())

    def examples(self, conflicts: Conflicts, most: int) -> list[str]:
        """Ids that are in conflict, at most `most` of them."""
        with self._pairs(conflicts) as pairs:
            found: list[int] = []
            for part in pairs.parts():
                by_id = part.group_by("id").len().filter(pl.col("len") > 1)
                found += by_id["id"].head(most - len(found)).to_list()
        names: set[str] = set()
        self.visit(
            conflicts.table,
            [conflicts.id],
            lambda batch: names.update(batch.filter(hashes(batch).is_in(found))[conflicts.id]),
        )
        return sorted(names)


def adding(found: DistinctHashes) -> Callable[[pl.DataFrame], None]:
    """A function that adds the rows it is given to `found`."""
    return lambda rows: found.add(pl.DataFrame(hashes(rows)))
