"""The table of predictions: what was scored, by which version, and with what outcome."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import stamina
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from lakehouse import outcomes, store
from lakehouse.clock import today
from lakehouse.kinds import polars_schema
from lakehouse.models.scoring import FEATURES
from lakehouse.names import table_uri
from pyspark_jobs.delta.table_writer import ATTEMPTS, DeltaTableWriter
from pyspark_jobs.scoring.context import ScoringContext

# With the score, what tells that a row was scored from other data; of a later emission, too.
_INPUTS = (FEATURES, "last_emitted_at")
_again = stamina.retry(on=CommitFailedError, attempts=ATTEMPTS, wait_initial=0.05)


class Predictions:
    """Rows keyed by entity, time and `model_version`; writing the same rows again changes nothing.

    Scores and labels are written separately, each leaving the other's columns alone, so the two
    queries and a backfill can run side by side: a writer that finds another has written in between
    re-reads before writing.
    """

    def __init__(self, context: ScoringContext) -> None:
        settings, scored = context.settings, context.scored
        self._context, self._scored, self._contract = context, scored, scored.table
        self._pair = (scored.entity, scored.time)
        self._label = pl.lit(None, polars_schema(scored.table)[scored.label]).alias(scored.label)
        kinds = polars_schema(scored.table)
        self._nullable = {
            field.name: kinds[field.name]
            for field in scored.table.fields
            if field.nullable and field.name != scored.label
        }
        # A row scored again by the same version is written again only where one of these differs.
        inputs = [name for name in _INPUTS if name in scored.table.names]
        self._compared = [*scored.table.key, scored.score, *inputs]
        self._lake, self._options = settings.lake_uri, settings.lake_options
        self._table = DeltaTableWriter(self._lake, scored.table, self._options)

    def put(self, scored: pl.DataFrame, as_of: datetime | None = None) -> int:
        """Write rows that are new or whose changed features gave another score; returns how many.

        Nullable columns of the table that `scored` lacks are null. With `as_of`, the time at which
        the rows were read, later scores are left unchanged.
        """
        scored = scored.with_columns(
            pl.lit(None, kind).alias(name)
            for name, kind in self._nullable.items()
            if name not in scored.columns
        )
        written = self._put(scored, as_of)
        # An outcome that came while the rows were being written found them missing. Looked up after
        # the write, it is found here; coming later, it finds the rows.
        now = today(self._context.clock, self._context.settings.timezone)
        ripe = pl.col(self._scored.time).cast(pl.Date) <= now - self._context.label_delay
        self.label(scored.filter(ripe))
        return written

    def latest(self) -> DeltaTable:
        """The table as of the last write."""
        return self._table.latest()

    @_again
    def _put(self, scored: pl.DataFrame, as_of: datetime | None) -> int:
        of_version = pl.col("model_version").is_in(scored["model_version"].unique().implode())
        key, names = self._contract.key, self._contract.names
        found = self._stored(scored, key, of_version)
        stored = found.select(*self._compared, "scored_at").collect(engine="streaming")
        changed = scored.join(stored, on=self._compared, how="anti", nulls_equal=True)
        if as_of is not None:
            later = stored.filter(pl.col("scored_at") > as_of)
            changed = changed.join(later, on=key, how="anti")
        if len(changed):
            rows = changed.with_columns(self._label).select(names)
            told = [name for name in names if name not in (*key, self._scored.label)]
            self._table.merge(rows, key, told, insert=True)
        return len(changed)

    @_again
    def label(self, rows: pl.DataFrame) -> int:
        """Fill in bronze's current outcomes for the entities and times in `rows`.

        Returns how many rows changed.
        """
        if rows.is_empty() or not self._has_outcomes():
            return 0
        # In this order: a later word either is in bronze already, or its writer is noticed.
        label, pair = self._scored.label, self._pair
        stored = self._stored(rows, pair).select(*pair, known=label).unique().collect()
        joined = self._said_of(stored.select(pair).unique()).join(stored, on=pair)
        news = joined.filter(~pl.col(label).eq_missing(pl.col("known")))
        changed = news.select(*pair, label).unique()
        if len(changed):
            self._table.merge(changed, pair, (label,), insert=False)
        return len(changed)

    def _has_outcomes(self) -> bool:
        told = self._scored.outcomes
        if told is None:
            return False
        return store.exists(table_uri(self._lake, told.table.name), dict(self._options))

    def _said_of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Entity, time and label of the latest outcomes, under the names of the predictions."""
        told, scored = self._scored.outcomes, self._scored
        assert told is not None  # noqa: S101 looked up by `_has_outcomes`
        place = table_uri(self._lake, told.table.name)
        times = _within(told.time, rows[scored.time])
        found = store.scan(place, dict(self._options)).filter(times)
        keys = rows.lazy().select(
            pl.col(scored.entity).alias(told.entity), pl.col(scored.time).alias(told.time)
        )
        last = outcomes.latest(found.join(keys, on=[told.entity, told.time], how="semi"), told)
        kind = polars_schema(scored.table)[scored.label]
        return last.select(
            pl.col(told.entity).alias(scored.entity),
            pl.col(told.time).alias(scored.time),
            pl.col(told.label).cast(kind).alias(scored.label),
        ).collect()

    def _stored(
        self, rows: pl.DataFrame, key: tuple[str, ...], holds: pl.Expr | None = None
    ) -> pl.LazyFrame:
        times = _within(self._scored.time, rows[self._scored.time])
        found = self._table.read().filter(times if holds is None else times & holds)
        return found.join(rows.lazy().select(key), on=key, how="semi")


def _within(column: str, times: pl.Series) -> pl.Expr:
    """The filter for files with rows of these times: dates by name, timestamps by range."""
    if times.dtype == pl.Date:
        return pl.col(column).is_in(times.unique().implode())
    return pl.col(column).is_between(times.min(), times.max())
