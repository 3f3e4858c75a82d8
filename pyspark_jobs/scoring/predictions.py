"""The table of predictions: what was scored, by which version, and what came of it."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import stamina
from deltalake.exceptions import CommitFailedError

from lakehouse import store
from lakehouse.clock import Clock, today
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, PREDICTIONS
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.delta.table_writer import ATTEMPTS, DeltaTableWriter

# A row scored again by the same version is written again only where one of these differs.
COMPARED = ("features_str", "probability_1", "last_emitted_at")
_SCORED = tuple(name for name in PREDICTIONS.names if name not in (*PREDICTIONS.key, "label"))
_DAY = ("User", "Date")
_again = stamina.retry(on=CommitFailedError, attempts=ATTEMPTS, wait_initial=0.05)


class Predictions:
    """Rows by (User, Date, model_version); writing the same again changes nothing.

    Scores and labels are written apart, each leaving the other's columns alone, so the two
    queries that do so, and a backfill, can run side by side: who finds that another has written in
    between looks again before writing.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock, self._timezone = clock, settings.timezone
        self._horizon = settings.domain("cdr").label_delay
        self._outcomes = table_uri(settings.lake_uri, names.BRONZE_OUTCOMES)
        self._options = settings.lake_options
        self._table = DeltaTableWriter(settings.lake_uri, PREDICTIONS, self._options)

    def put(self, scored: pl.DataFrame, as_of: datetime | None = None) -> int:
        """Write rows that are new or that a changed day gave another score; how many.

        With `as_of`, the moment at which the days were read, later scores stay as they are.
        """
        written = self._put(scored, as_of)
        # An outcome that came while the rows were being written found them missing. Looked up after
        # the write, it is found here; coming later, it finds the rows.
        ripe = today(self._clock, self._timezone) - self._horizon
        self.label(scored.filter(pl.col("Date") <= ripe))
        return written

    @_again
    def _put(self, scored: pl.DataFrame, as_of: datetime | None) -> int:
        of_version = pl.col("model_version").is_in(scored["model_version"].unique().implode())
        found = self._stored(scored, PREDICTIONS.key, of_version)
        stored = found.select(*PREDICTIONS.key, *COMPARED, "scored_at").collect(engine="streaming")
        columns = [*PREDICTIONS.key, *COMPARED]
        changed = scored.join(stored, on=columns, how="anti", nulls_equal=True)
        if as_of is not None:
            later = stored.filter(pl.col("scored_at") > as_of)
            changed = changed.join(later, on=PREDICTIONS.key, how="anti")
        if len(changed):
            rows = changed.with_columns(label=pl.lit(None, pl.Int32)).select(PREDICTIONS.names)
            self._table.merge(rows, PREDICTIONS.key, _SCORED, insert=True)
        return len(changed)

    @_again
    def label(self, days: pl.DataFrame) -> int:
        """Fill in what bronze says by now of `days` (User, Date); how many of them that changed."""
        if days.is_empty() or not store.exists(self._outcomes, dict(self._options)):
            return 0
        # In this order: a later word either is in bronze already, or its writer is noticed.
        stored = self._stored(days, _DAY).select(*_DAY, known="label").unique().collect()
        joined = self._said_of(stored.select(_DAY).unique()).join(stored, on=_DAY)
        news = joined.filter(~pl.col("label").eq_missing(pl.col("known")))
        rows = news.select(*_DAY, "label").unique()
        if len(rows):
            self._table.merge(rows, _DAY, ("label",), insert=False)
        return len(rows)

    def _said_of(self, days: pl.DataFrame) -> pl.DataFrame:
        dates = pl.col("date").is_in(days["Date"].unique().implode())
        found = store.scan(self._outcomes, dict(self._options)).filter(dates)
        keys = days.lazy().select(DP_MSISDN="User", date="Date")
        return latest(found.join(keys, on=["DP_MSISDN", "date"], how="semi").collect())

    def _stored(
        self, rows: pl.DataFrame, key: tuple[str, ...], holds: pl.Expr | None = None
    ) -> pl.LazyFrame:
        of_dates = pl.col("Date").is_in(rows["Date"].unique().implode())
        found = self._table.read().filter(of_dates if holds is None else of_dates & holds)
        return found.join(rows.lazy().select(key), on=key, how="semi")


def latest(outcomes: pl.DataFrame) -> pl.DataFrame:
    """User, Date and label of outcomes as they lie in bronze; the last word counts."""
    ordered = outcomes.sort("known_at", "kafka_timestamp", "offset")
    once = ordered.unique(["DP_MSISDN", "date"], keep="last")
    return once.select(User="DP_MSISDN", Date="date", label=LABEL)
