"""Predictions and truth, which arrive apart and in any order, merged by `message_id`.

Of several truths of an event the newest `known_at` counts, whatever the order of arrival. Truth
that finds no prediction waits in a table of its own; after `truth_days` it goes to quarantine. The
tables are the state: the query itself keeps none.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import polars as pl
import stamina
from deltalake.exceptions import CommitFailedError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import Clock
from lakehouse.domains.fraud import contracts, names
from lakehouse.domains.fraud.contracts import JOINED, PREDICTIONS, WAITING
from lakehouse.domains.fraud.settings import FraudSettings
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import ATTEMPTS, DeltaTableWriter
from pyspark_jobs.engine import queries, readers
from pyspark_jobs.fraud.overdue import quarantine_overdue

_TRUTH = ("message_id", "Class", "known_at")
_PREDICTED = tuple(name for name in JOINED.names if name not in ("Class", "known_at", "joined_at"))
# So far may the clock of whoever sends the truth be behind that of the source.
_SKEW = timedelta(days=1)
_again = stamina.retry(on=CommitFailedError, attempts=ATTEMPTS, wait_initial=0.05)


def start(
    spark: SparkSession,
    settings: Settings,
    own: FraudSettings,
    clock: Clock,
    every_seconds: float | None,
) -> StreamingQuery:
    """Start the query that joins new truth and new predictions."""
    tables.create_missing(
        settings, contracts.BRONZE_TRUTH, contracts.QUARANTINE_TRUTH, PREDICTIONS, WAITING, JOINED
    )
    place, most = settings.lake_uri, settings.spark.max_files_per_trigger
    truth = readers.table_stream(spark, table_uri(place, names.BRONZE_TRUTH), most)
    scored = readers.change_stream(spark, table_uri(place, names.PREDICTIONS), most)
    new = scored.where("_change_type = 'insert'").select(
        "message_id", f.lit(None).cast("int").alias("Class"),
        f.lit(None).cast("timestamp").alias("known_at"),
    )  # fmt: skip
    news = truth.select(*_TRUTH).unionByName(new)
    join = Join(settings, own, clock).write_batch
    written = (PREDICTIONS.name, WAITING.name, JOINED.name, names.QUARANTINE_TRUTH)
    write = queries.noting(names.JOIN, settings, join, *written)
    every = queries.following(settings.spark, every_seconds)
    return queries.start(names.JOIN, news, write, settings, every)


class Join:
    """Joins micro-batches of news: rows with a `Class` are truth, the others new predictions."""

    def __init__(self, settings: Settings, own: FraudSettings, clock: Clock) -> None:
        self._settings, self._own, self._clock = settings, own, clock
        place, options = settings.lake_uri, settings.lake_options
        self._waiting = DeltaTableWriter(place, WAITING, options)
        self._joined = DeltaTableWriter(place, JOINED, options)
        self._predictions = DeltaTableWriter(place, PREDICTIONS, options)

    def write_batch(self, news: DataFrame, batch_id: int) -> None:
        """Join one micro-batch; a replayed one changes nothing."""
        now = self._clock.now()
        waiting = self._waiting.read().collect()
        told = _newest(_to_polars(news.where("Class is not null").select(*_TRUTH)))
        held = waiting.select(_TRUTH)
        if len(held):
            # Whoever waits was looked for before: only a new prediction can have come since.
            ids = news.where("Class is null").select("message_id")
            arrived = _to_polars(_among(ids, held["message_id"]))
            held = held.join(arrived, on="message_id", how="semi")
        candidates = _newest(pl.concat([told, held]))
        found = self._predicted(news.sparkSession, candidates)
        self._write_joined(candidates.join(found, on="message_id"), now)
        self._write_waiting(waiting, told, found, now)
        overdue = now - timedelta(days=self._own.truth_days)
        quarantine_overdue(self._settings, self._waiting, overdue, batch_id, now)

    def _predicted(self, spark: SparkSession, truth: pl.DataFrame) -> pl.DataFrame:
        """The predictions of these events; truth comes at most `truth_days` after its event."""
        if truth.is_empty():
            kinds: Any = polars_schema(JOINED)
            return pl.DataFrame(schema={name: kinds[name] for name in _PREDICTED})
        first, last = truth.select(
            first=pl.col("known_at").min() - timedelta(days=self._own.truth_days),
            last=pl.col("known_at").max() + _SKEW,
        ).row(0)
        scored = readers.read_table(spark, table_uri(self._settings.lake_uri, names.PREDICTIONS))
        recent = scored.where(f.col("ingest_ts").between(f.lit(first), f.lit(last)))
        return _to_polars(_among(recent.select(*_PREDICTED), truth["message_id"]))

    @_again
    def _write_joined(self, rows: pl.DataFrame, now: datetime) -> None:
        """Add what is new, correct what an older truth said, and label the predictions."""
        if rows.is_empty():
            return
        stamp = pl.lit(now).cast(pl.Datetime("us", "UTC"))
        kinds: Any = polars_schema(JOINED)
        joined = rows.with_columns(joined_at=stamp).select(JOINED.names).cast(kinds)
        self._label(joined)
        known = self._stored(self._joined, joined).select(
            "message_id", known=pl.col("known_at"), said=pl.col("Class")
        )
        changed = joined.join(known.collect(), on="message_id", how="left").filter(
            pl.col("known").is_null() | (pl.col("known_at") > pl.col("known"))
        )
        told = [name for name in JOINED.names if name != "message_id"]
        if len(changed):
            key = ("message_id", "ingest_ts")
            self._joined.merge(changed.select(JOINED.names), key, told, insert=True)

    def _label(self, joined: pl.DataFrame) -> None:
        """Write the truth into the predictions, before anything says that it is there."""
        newer = self._stored(self._joined, joined).select("message_id", known="known_at")
        current = joined.join(newer.collect(), on="message_id", how="left").filter(
            pl.col("known").is_null() | (pl.col("known_at") >= pl.col("known"))
        )
        held = self._stored(self._predictions, current).select("message_id", said="Class")
        changed = current.join(held.collect(), on="message_id").filter(
            ~pl.col("Class").eq_missing(pl.col("said"))
        )
        if len(changed):
            rows = changed.select("message_id", "ingest_ts", "Class")
            self._predictions.merge(rows, ("message_id", "ingest_ts"), ("Class",), insert=False)

    def _write_waiting(
        self, waiting: pl.DataFrame, told: pl.DataFrame, found: pl.DataFrame, now: datetime
    ) -> None:
        """Keep the truth that found nothing, the newest of each event, and let the others go."""
        ids = found.select("message_id")
        stamp = pl.lit(now).cast(pl.Datetime("us", "UTC"))
        new = told.with_columns(since=stamp).select(WAITING.names)
        kept = pl.concat([waiting, new]).join(ids, on="message_id", how="anti")
        after = kept.sort("known_at", "since", descending=[False, True])
        after = after.unique("message_id", keep="last", maintain_order=True)
        if not after.sort("message_id").equals(waiting.sort("message_id")):
            self._waiting.replace(after)

    def _stored(self, table: DeltaTableWriter, rows: pl.DataFrame) -> pl.LazyFrame:
        """The rows of a table with these ids, from the files of these moments."""
        within = pl.col("ingest_ts").is_between(rows["ingest_ts"].min(), rows["ingest_ts"].max())
        return (
            table.read()
            .filter(within)
            .join(rows.lazy().select("message_id"), on="message_id", how="semi")
        )


def _newest(truth: pl.DataFrame) -> pl.DataFrame:
    """One truth for each event: the newest, and of two at the same moment the greater class."""
    ordered = truth.select(_TRUTH).sort("known_at", "Class")
    return ordered.unique("message_id", keep="last", maintain_order=True)


def _among(rows: DataFrame, ids: pl.Series) -> DataFrame:
    wanted = rows.sparkSession.createDataFrame(ids.unique().to_frame("message_id").to_arrow())
    return rows.join(f.broadcast(wanted), "message_id", "left_semi")


def _to_polars(rows: DataFrame) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(rows.toArrow()))
