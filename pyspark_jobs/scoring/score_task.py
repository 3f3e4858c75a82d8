"""What a batch of features does to the predictions: scored, compared, written as files.

It runs in a Spark task or in the driver, and commits nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import msgspec
import polars as pl

from lakehouse.contracts import BASE_VERSION, BUCKET, Contract
from lakehouse.domain import Scored
from lakehouse.kinds import polars_schema
from lakehouse.models.model_kinds import model_kind
from lakehouse.models.scoring import FEATURES, Scorer, score_frame
from pyspark_jobs.delta.cells import Cells, Replacement
from pyspark_jobs.delta.files import write_file
from pyspark_jobs.engine.bucket_tasks import Changes, together

# Columns that order several states of a row: of a change feed, and of a table of changes.
ORDERS = "_commit_version", BASE_VERSION.name
UPDATED = "rows to update"
# With the score, what tells that a row was scored from other data; of a later emission, too.
_INPUTS = (FEATURES, "last_emitted_at")
ROWS_AT_ONCE = 50_000
_ROW = "_row"


@dataclass(frozen=True)
class ScoringModel:
    """A version's model file, with what a worker needs to read it; `details` are JSON."""

    number: int
    run_id: str
    kind: str
    details: bytes
    data: bytes

    @property
    def scorer(self) -> Scorer:
        """The scorer, which each worker makes once."""
        return _scorer(self.kind, self.details, self.data)


@lru_cache(maxsize=4)
def _scorer(kind: str, details: bytes, data: bytes) -> Scorer:
    return model_kind(kind).load(data, msgspec.json.decode(details))


@dataclass(frozen=True)
class PredictionFiles:
    """Writes rows of predictions, as they were read, that are new or have another score.

    With `as_of`, the time at which the features were read, later scores are left unchanged.
    """

    scored: Scored
    stored: Cells
    options: Mapping[str, str]
    as_of: datetime | None = None

    def write(self, rows: pl.DataFrame) -> Changes:
        """Write `rows`, which have all columns of the table, as files of new and of updated rows.

        Rows with a new key come as files of the table, the others as one that is to be merged.
        """
        contract, key = self.scored.table, list(self.scored.table.key)
        known = self._known(rows)
        told = [name for name in self._compared if name not in key]
        both = rows.join(known, on=key, how="left", suffix=_STORED)
        is_new = pl.col(f"scored_at{_STORED}").is_null()
        differs = pl.any_horizontal(
            pl.col(name).ne_missing(pl.col(f"{name}{_STORED}")) for name in told
        )
        outdated = ~is_new & differs
        if self.as_of is not None:
            outdated &= pl.col(f"scored_at{_STORED}") <= self.as_of
        new, updated = (both.filter(at).select(contract.names) for at in (is_new, outdated))
        return {contract.name: self._files(new), UPDATED: self._to_merge(updated, contract)}

    @property
    def _compared(self) -> list[str]:
        table = self.scored.table
        inputs = [name for name in _INPUTS if name in table.names]
        return [*table.key, self.scored.score, *inputs]

    def _known(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The stored rows of these keys: what is compared, and when they were scored."""
        table, time = self.scored.table, rows[self.scored.time]
        cells = self.stored
        for name in table.partition_by:
            cells = cells.where(pl.col(name).is_in(rows[name].unique().implode()))
        found = cells.read().filter(pl.col(self.scored.time).is_between(time.min(), time.max()))
        versions = pl.col("model_version").is_in(rows["model_version"].unique().implode())
        wanted = found.filter(versions).select(*self._compared, "scored_at")
        keys = rows.lazy().select(table.key)
        return wanted.join(keys, on=table.key, how="semi").collect(engine="streaming")

    def _files(self, new: pl.DataFrame) -> Replacement:
        contract, uri = self.scored.table, self.stored.uri
        if new.is_empty():
            return Replacement()
        parts = new.partition_by(contract.partition_by) if contract.partition_by else [new]
        return Replacement(tuple(write_file(part, uri, contract, self.options) for part in parts))

    def _to_merge(self, updated: pl.DataFrame, contract: Contract) -> Replacement:
        if updated.is_empty():
            return Replacement()
        whole = Contract(contract.name, contract.fields, contract.key)
        return Replacement((write_file(updated, self.stored.uri, whole, self.options),))


_STORED = "\N{SECTION SIGN}stored"


@dataclass(frozen=True)
class ScoreTask:
    """Scores buckets of features with each of `models`, stamped with the time `at`."""

    scored: Scored
    models: tuple[ScoringModel, ...]
    at: datetime
    files: PredictionFiles

    def __call__(self, _: int, rows: pl.DataFrame) -> Changes:
        """Write the files of one bucket; of several states of a row, the last one counts."""
        if rows.is_empty():
            return {}
        latest = self._latest(rows)
        parts = (
            self.files.write(self._scored(model, rows[latest.slice(first, ROWS_AT_ONCE)]))
            for model in self.models
            for first in range(0, len(latest), ROWS_AT_ONCE)
        )
        return together(parts)

    def _latest(self, rows: pl.DataFrame) -> pl.Series:
        """The numbers of the rows that count, by time: files then hold few dates each.

        The rows themselves stay where they are; a copy of a bucket may be most of the memory.
        """
        key = [self.scored.entity, self.scored.time]
        orders = [name for name in ORDERS if name in rows.columns]
        told = rows.select(*key, *orders[:1]).with_row_index(_ROW)
        ordered = told.sort(orders[0], maintain_order=True) if orders else told
        last = ordered.unique(key, keep="last", maintain_order=True)
        return last.sort(self.scored.time, self.scored.entity)[_ROW]

    def _scored(self, model: ScoringModel, rows: pl.DataFrame) -> pl.DataFrame:
        found = score_frame(model.scorer, rows, self.scored).with_columns(
            model_version=pl.lit(model.number, pl.Int32),
            run_id=pl.lit(model.run_id),
            scored_at=pl.lit(self.at).cast(pl.Datetime("us", "UTC")),
        )
        return with_all_columns(found, self.scored.table)


def with_all_columns(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """`rows` with the contract's columns; nullable ones that are missing are null, bucket 0."""
    kinds = polars_schema(contract)
    missing = {
        field.name: pl.lit(None, kinds[field.name])
        for field in contract.fields
        if field.nullable and field.name not in rows.columns
    }
    if BUCKET.name in contract.names and BUCKET.name not in rows.columns:
        missing[BUCKET.name] = pl.lit(0, pl.Int32)
    return rows.with_columns(**missing).select(contract.names)
