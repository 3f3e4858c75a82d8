"""Events to predictions, and into the online learner: one query, and one Spark job for a batch.

Batch b is scored with the state after batch b-1; its rows are counted in the same pass over them,
by the limits known before it. The state is written before the predictions are committed, so a batch
whose predictions are there has been learned, and one that is replayed gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import numpy as np
import polars as pl
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import Clock
from lakehouse.domains.fraud import contracts, names
from lakehouse.domains.fraud.contracts import FEATURES, PREDICTIONS
from lakehouse.domains.fraud.settings import FraudSettings
from lakehouse.errors import StreamError
from lakehouse.models.half_space_trees import limits
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.settings import Settings
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.files import PendingFile
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.engine import queries, readers
from pyspark_jobs.engine.query_notes import QueryNotes
from pyspark_jobs.fraud.learner import Learned, States, Tally
from pyspark_jobs.fraud.scoring_task import (
    COLUMNS,
    WRITTEN_SCHEMA,
    Champion,
    Ids,
    ScoringTask,
    Written,
    hashed,
)

_BATCH_BYTES = "64m"


def start(
    spark: SparkSession,
    settings: Settings,
    own: FraudSettings,
    registry: Registry,
    clock: Clock,
    every_seconds: float | None,
) -> StreamingQuery:
    """Start the query. Raises `StreamError` when a table has lost what the query wrote to it."""
    tables.create_missing(settings, contracts.BRONZE_EVENTS, PREDICTIONS)
    QueryNotes(names.SCORE, settings).check_tables()
    bronze = table_uri(settings.lake_uri, names.BRONZE_EVENTS)
    most = settings.spark.max_files_per_trigger
    events = readers.table_stream(spark, bronze, most, _BATCH_BYTES)
    write = Scoring(settings, own, registry, clock).write_batch
    every = queries.following(settings.spark, every_seconds)
    return queries.start(names.SCORE, events, write, settings, every)


class Scoring:
    """Scores and learns the micro-batches of the query."""

    def __init__(
        self, settings: Settings, own: FraudSettings, registry: Registry, clock: Clock
    ) -> None:
        self._settings, self._own, self._clock = settings, own, clock
        self._registry, self._champion = registry, cast(Champion | None, None)
        self._states = States(settings, own.learner)
        self._table = DeltaTableWriter(settings.lake_uri, PREDICTIONS, settings.lake_options)
        self._notes = QueryNotes(names.SCORE, settings)

    def write_batch(self, events: DataFrame, batch_id: int) -> None:
        """Score and learn one micro-batch; a replayed one changes nothing.

        Raises `StreamError` for a checkpoint or a state that does not go with the table.
        """
        if self._is_done(batch_id):
            return
        before = self._states.before(batch_id)
        rows = events.select(*COLUMNS, "partition", "offset")
        if before.trees.rows == 0:
            before = _with_first_limits(before, rows)
        task = self._task(before)
        written = [
            Written.of(row.asDict(), before.trees)
            for row in rows.select(*COLUMNS).mapInArrow(task.write, WRITTEN_SCHEMA).collect()
        ]
        kept, tally = self._once(task, rows, written)
        self._states.keep(batch_id, before.learn(tally))
        note = json.dumps({"query": names.SCORE.name, "batch_id": batch_id})
        self._table.append_files(kept, names.SCORE.name, batch_id, task.now, note)
        self._notes.note_tables((PREDICTIONS.name, self._table.latest()))

    def _is_done(self, batch_id: int) -> bool:
        done = self._table.latest().transaction_version(names.SCORE.name)
        if done is not None and done > batch_id:
            raise StreamError(
                names.SCORE.name,
                f"the checkpoint that goes with {PREDICTIONS.name}, at batch {done} or later",
                f"one at batch {batch_id}",
                "restore the checkpoint's folder, or raise the query's version to learn all again",
            )
        return done is not None and int(done) == batch_id

    def _task(self, before: Learned) -> ScoringTask:
        settings = self._settings
        return ScoringTask(
            before.trees,
            before.threshold(self._own.learner.alert_rate),
            self._current(),
            self._clock.now(),
            settings.lake_uri,
            settings.lake_options,
        )

    def _current(self) -> Champion | None:
        """The champion, read again only when another version has become it."""
        version = self._registry.champion()
        if version is None:
            return None
        if self._champion is None or self._champion.version != version.number:
            bundle = self._registry.load(version)
            details = tuple(sorted(bundle.manifest.details.items()))
            self._champion = Champion(
                version.number, version.run_id, bundle.manifest.kind, bundle.file, details
            )
        return self._champion

    def _once(
        self, task: ScoringTask, rows: DataFrame, written: Sequence[Written]
    ) -> tuple[list[PendingFile], Tally]:
        """The files to commit and what they add, without events that were scored before."""
        tally = sum((one.tally for one in written), Tally.none(task.trees))
        files = [one.file for one in written]
        ids = np.concatenate([one.ids for one in written]) if written else np.array([], np.uint64)
        suspects = self._repeated(ids, files)
        if not len(suspects):
            return files, tally
        return self._without_repetitions(task, rows, written, suspects)

    def _repeated(self, ids: Ids, files: Sequence[PendingFile]) -> Ids:
        """Hashes of ids that occur twice in the batch, or are in the table already.

        A message that is sent again has the `ingest_ts` that it had, so only files with events of
        the batch's own moments are read: what this costs does not grow with history.
        """
        values, counts = np.unique(ids, return_counts=True)
        known = hashed(self._known(files))
        return values[(counts > 1) | np.isin(values, known)]

    def _known(self, files: Sequence[PendingFile]) -> pl.Series:
        if not files:
            return pl.Series("message_id", [], pl.String)
        bounds = [json.loads(file.stats) for file in files]
        first = _moment(min(one["minValues"]["ingest_ts"] for one in bounds))
        last = _moment(max(one["maxValues"]["ingest_ts"] for one in bounds))
        within = pl.col("ingest_ts").is_between(first, last)
        return self._table.read().filter(within).select("message_id").collect()["message_id"]

    def _without_repetitions(
        self, task: ScoringTask, rows: DataFrame, written: Sequence[Written], suspects: Ids
    ) -> tuple[list[PendingFile], Tally]:
        """Of each event the message with the lowest offset counts, unless it is in the table."""
        uri = table_uri(self._settings.lake_uri, PREDICTIONS.name)
        options = self._settings.lake_options or None
        tally = sum((one.tally for one in written), Tally.none(task.trees))
        files, doubtful = [], []
        for one in written:
            if not np.isin(one.ids, suspects).any():
                files.append(one.file)
                continue
            held = pl.read_parquet(f"{uri}/{one.file.path}", storage_options=options)
            is_suspect = pl.Series(np.isin(one.ids, suspects))
            doubtful.append(held.filter(is_suspect)["message_id"])
            if not is_suspect.all():
                files.append(task.write_rows(held.filter(~is_suspect)))
        names_of = pl.concat(doubtful).unique()
        again = _collected(rows, names_of).sort("partition", "offset")
        known = self._known([one.file for one in written])
        fresh = again.filter(~pl.col("message_id").is_in(known.implode()))
        chosen = fresh.unique("message_id", keep="first", maintain_order=True)
        all_of_them = task.score(again.select(COLUMNS))[1]
        scored, counted = task.score(chosen.select(COLUMNS))
        if len(chosen):
            files.append(task.write_rows(scored))
        return files, tally.without(all_of_them) + counted


def _collected(rows: DataFrame, ids: pl.Series) -> pl.DataFrame:
    """The rows with these ids; a repetition is rare, and a batch is bounded."""
    wanted = rows.sparkSession.createDataFrame(ids.to_frame("message_id").to_arrow())
    found = rows.join(f.broadcast(wanted), "message_id", "left_semi")
    return cast(pl.DataFrame, pl.from_arrow(found.toArrow()))


def _with_first_limits(before: Learned, rows: DataFrame) -> Learned:
    """The limits of the very first batch, without which nothing could be counted."""
    bounds = rows.agg(
        *(f.min(name).alias(f"low {name}") for name in FEATURES),
        *(f.max(name).alias(f"high {name}") for name in FEATURES),
    ).first()
    if bounds is None:
        return before
    found = bounds.asDict()
    pair = (
        np.array([[np.nan if found[f"{side} {name}"] is None else found[f"{side} {name}"]
                   for name in FEATURES]])
        for side in ("low", "high")
    )  # fmt: skip
    low, high = limits(np.concatenate([*pair]))
    return Learned(before.trees.widened(low, high), before.scores)


def _moment(text: str) -> pl.Expr:
    return pl.lit(datetime.fromisoformat(text)).cast(pl.Datetime("us", "UTC"))
