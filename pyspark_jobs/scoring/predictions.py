"""The table of predictions: what was scored, by which version, and with what outcome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import polars as pl
import stamina
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from pyspark.sql import SparkSession

from lakehouse import outcomes, store
from lakehouse.clock import today
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from pyspark_jobs.delta import spark_merge
from pyspark_jobs.delta.cells import Replacement
from pyspark_jobs.delta.maintain import CONFLICTS
from pyspark_jobs.delta.table_writer import ATTEMPTS, DeltaTableWriter, OvertakenError
from pyspark_jobs.engine.bucket_tasks import Changes
from pyspark_jobs.scoring.context import ScoringContext
from pyspark_jobs.scoring.score_task import UPDATED, PredictionFiles, with_all_columns

_REFUSED = (CommitFailedError, OvertakenError, *CONFLICTS)
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
        self._lake, self._options = settings.lake_uri, settings.lake_options
        self._table = DeltaTableWriter(self._lake, scored.table, self._options)

    def put(self, scored: pl.DataFrame, as_of: datetime | None = None) -> int:
        """Write rows that are new or whose changed features gave another score; returns how many.

        Nullable columns of the table that `scored` lacks are null. With `as_of`, the time at which
        the rows were read, later scores are left unchanged.
        """
        rows = with_all_columns(scored, self._contract)
        written = self.write(lambda files: files.write(rows), as_of)
        self.label_ripe(rows)
        return written

    def write(
        self,
        run: Callable[[PredictionFiles], Changes],
        as_of: datetime | None = None,
        spark: SparkSession | None = None,
    ) -> int:
        """Commit the files that `run` writes, here or on executors; returns how many rows.

        `run` is called again if another writer was faster. More updated rows than a small batch
        has are merged by Spark. Raises `OvertakenError` when that does not help.
        """
        written = 0
        for attempt in stamina.retry_context(on=_REFUSED, attempts=ATTEMPTS, wait_initial=0.05):
            with attempt:
                cells = self._table.cells()
                found = run(PredictionFiles(self._scored, cells, self._options, as_of))
                new = found.get(self._contract.name, Replacement())
                # In this order: the merge is refused if a row has changed since it was read.
                written += self._update(found.get(UPDATED, Replacement()), as_of, spark)
                self._table.replace_files(new, cells, self._context.clock.now())
                written += new.rows
        return written

    def _update(
        self, updated: Replacement, as_of: datetime | None, spark: SparkSession | None
    ) -> int:
        if not updated.added:
            return 0
        told = [n for n in self._contract.names if n not in (*self._unchanged, self._scored.label)]
        uri, small = self._table.uri, self._context.settings.spark.small_batch_rows
        if spark is not None and updated.rows > small:
            unless = None if as_of is None else ("scored_at", as_of)
            spark_merge.update(spark, uri, self._contract, updated.added, told, unless)
            return updated.rows
        paths, remote = [f"{uri}/{one.path}" for one in updated.added], dict(self._options) or None
        rows = pl.read_parquet(paths, hive_partitioning=False, storage_options=remote)
        self._table.merge(rows.select(self._contract.names), self._contract.key, told, insert=False)
        return updated.rows

    @property
    def _unchanged(self) -> tuple[str, ...]:
        return (*self._contract.key, *self._contract.partition_by)

    @property
    def ripe(self) -> date:
        """The last date whose outcomes may be known by now."""
        settings = self._context.settings
        return today(self._context.clock, settings.timezone) - self._context.label_delay

    def label_ripe(self, rows: pl.DataFrame) -> None:
        """Fill in the outcomes of those of `rows` that may be known already.

        An outcome that came while the rows were being written found them missing. Looked up after
        the write, it is found here; coming later, it finds the rows.
        """
        self.label(rows.filter(pl.col(self._scored.time).cast(pl.Date) <= self.ripe))

    def latest(self) -> DeltaTable:
        """The table as of the last write."""
        return self._table.latest()

    @_again
    def label(self, rows: pl.DataFrame) -> int:
        """Fill in bronze's current outcomes for the entities and times in `rows`.

        Returns how many rows changed.
        """
        if rows.is_empty() or not self.has_outcomes():
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

    def has_outcomes(self) -> bool:
        """Whether there are outcomes to label rows with."""
        told = self._scored.outcomes
        if told is None:
            return False
        return store.exists(table_uri(self._lake, told.table.name), dict(self._options))

    def _said_of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Entity, time and label of the latest outcomes, under the names of the predictions."""
        told, scored = self._scored.outcomes, self._scored
        assert told is not None  # noqa: S101 looked up by `has_outcomes`
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
