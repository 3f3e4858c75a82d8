"""The table of predictions: what was scored, by which version, and what came of it."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from lakehouse import names, store
from lakehouse.clock import Clock, today
from lakehouse.contracts import LABEL, PREDICTIONS
from lakehouse.settings import Settings
from pyspark_jobs.rows import RowTable

# A row scored again by the same version is written again only where one of these differs.
COMPARED = ("features_str", "probability_1", "last_emitted_at")
_SCORED = tuple(name for name in PREDICTIONS.names if name not in (*PREDICTIONS.key, "label"))


class Predictions:
    """Rows by (User, Date, model_version); writing the same again changes nothing.

    Scores and labels are written apart, each leaving the other's columns alone, so the two
    queries that do so, and a backfill, can run side by side.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock, self._timezone = clock, settings.timezone
        self._horizon = timedelta(days=settings.cdr.label_horizon_days)
        self._outcomes = names.table_uri(settings.lake_uri, names.BRONZE_OUTCOMES)
        self._options = settings.lake_options
        self._table = RowTable(settings.lake_uri, PREDICTIONS, self._options)

    def put(self, scored: pl.DataFrame) -> int:
        """Write rows that are new or that a changed day gave another score; how many."""
        stored = self._stored(scored["Date"]).select(*PREDICTIONS.key, *COMPARED).collect()
        columns = [*PREDICTIONS.key, *COMPARED]
        changed = scored.join(stored, on=columns, how="anti", nulls_equal=True)
        if len(changed):
            rows = changed.with_columns(label=pl.lit(None, pl.Int32)).select(PREDICTIONS.names)
            self._table.merge(rows, PREDICTIONS.key, _SCORED, insert=True)
        self.catch_up_labels(scored["Date"])
        return len(changed)

    def label(self, outcomes: pl.DataFrame) -> int:
        """Fill in what is known by now: rows of User, Date, label. How many subscribers' days."""
        stored = self._stored(outcomes["Date"]).select("User", "Date", known="label").unique()
        joined = outcomes.join(stored.collect(), on=["User", "Date"])
        news = joined.filter(~pl.col("label").eq_missing(pl.col("known")))
        rows = news.select("User", "Date", "label").unique()
        if len(rows):
            self._table.merge(rows, ("User", "Date"), ("label",), insert=False)
        return len(rows)

    def catch_up_labels(self, dates: pl.Series) -> None:
        """Label rows whose outcome was there before they were.

        An outcome that comes while the rows are being written finds them missing. Looked up after
        the write, it is found here; coming later, it finds the rows.
        """
        ripe = today(self._clock, self._timezone) - self._horizon
        due = dates.filter(dates <= ripe).unique()
        if len(due) and store.exists(self._outcomes, dict(self._options)):
            found = store.scan(self._outcomes, dict(self._options))
            self.label(latest(found.filter(pl.col("date").is_in(due.implode())).collect()))

    def _stored(self, dates: pl.Series) -> pl.LazyFrame:
        return self._table.read().filter(pl.col("Date").is_in(dates.unique().implode()))


def latest(outcomes: pl.DataFrame) -> pl.DataFrame:
    """User, Date and label of outcomes as they lie in bronze; the last word counts."""
    ordered = outcomes.sort("known_at", "kafka_timestamp", "offset")
    once = ordered.unique(["DP_MSISDN", "date"], keep="last")
    return once.select(User="DP_MSISDN", Date="date", label=LABEL)
