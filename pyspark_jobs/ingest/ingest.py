"""Kafka to bronze or quarantine: every message ends up in exactly one of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse.clock import Clock
from lakehouse.domain import Feed
from lakehouse.errors import StreamError
from lakehouse.names import ingest_command
from lakehouse.schema_registry.client import Address
from lakehouse.settings import Settings
from lakehouse.settings.model import DomainSettings
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.files import PendingFile
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.engine import queries, readers
from pyspark_jobs.engine.progress_listener import note_quarantine
from pyspark_jobs.engine.query_notes import QueryNotes
from pyspark_jobs.engine.supervisor import Start
from pyspark_jobs.ingest import data_loss
from pyspark_jobs.ingest.batch_writer import (
    WRITTEN_SCHEMA,
    BatchWriter,
    Tally,
    WrittenFile,
    files_of,
)
from pyspark_jobs.ingest.known import KnownEntities, SharedList
from pyspark_jobs.ingest.rules import Rules

# A thousand of the largest messages that a broker takes by default are a gigabyte.
_FEW_AT_ONCE = {"spark.sql.execution.arrow.maxRecordsPerBatch": "1000"}


@dataclass(frozen=True)
class Intake:
    """A feed, its domain's limits, and the known entities if only those are accepted."""

    feed: Feed
    limits: DomainSettings
    known: KnownEntities | None = None


@dataclass(frozen=True)
class Overrides:
    """What a person has accepted: any share of bad messages, or a gap in the topic."""

    bad_messages: bool = False
    lost_messages: bool = False


NOTHING = Overrides()


def starts(
    spark: SparkSession,
    settings: Settings,
    clock: Clock,
    intakes: Iterable[Intake],
    every_seconds: float | None,
    overrides: Overrides = NOTHING,
) -> list[Start]:
    """What starts the ingest of each of `intakes`."""
    return [
        partial(start, spark, settings, intake, clock, every_seconds, overrides)
        for intake in intakes
    ]


def start(
    spark: SparkSession,
    settings: Settings,
    intake: Intake,
    clock: Clock,
    every_seconds: float | None,
    overrides: Overrides = NOTHING,
) -> StreamingQuery:
    """Start the ingest of a feed.

    Raises `StreamError` when unread messages are gone from the topic, or a table has lost what the
    query wrote to it.
    """
    feed = intake.feed
    tables.create_missing(settings, feed.bronze, feed.quarantine)
    QueryNotes(feed.identity, settings).check_tables()
    data_loss.check(settings, feed.identity, feed.topic, clock, overrides.lost_messages)
    limit = settings.spark.max_offsets_per_trigger
    messages = readers.kafka_stream(
        spark, settings.kafka, feed.topic, limit, stop_at_gap=not overrides.lost_messages
    )
    write = Ingest(intake, settings, clock, overrides.bad_messages).write_batch
    return queries.start(feed.identity, messages, write, settings, every_seconds, _FEW_AT_ONCE)


class Ingest:
    """Writes the micro-batches of one feed.

    The tasks parse and write files, once; this process commits them, bronze first. That commit
    lists the files due in quarantine, so a batch interrupted between the two is finished with its
    original verdicts and never validated again.
    """

    def __init__(
        self, intake: Intake, settings: Settings, clock: Clock, accept: bool = False
    ) -> None:
        self._intake, self._feed = intake, intake.feed
        self._settings, self._clock, self._accept = settings, clock, accept
        options = settings.lake_options
        self._bronze = DeltaTableWriter(settings.lake_uri, self._feed.bronze, options)
        self._quarantine = DeltaTableWriter(settings.lake_uri, self._feed.quarantine, options)
        self._known = None if intake.known is None else SharedList(intake.known)
        self._notes = QueryNotes(self._feed.identity, settings)
        self._latest: date | None = None
        self._resumed = False

    def write_batch(self, messages: DataFrame, batch_id: int) -> None:
        """Write one micro-batch; a replayed one changes nothing.

        Raises `StreamError` when too many messages are bad, or the checkpoint was lost.
        """
        query = self._feed.identity.name
        if not self._resumed:
            held = self._resume(batch_id)
            self._resumed = True
            if held is not None:
                self._quarantine.append_files(held, query, batch_id, self._clock.now())
                self._note_versions()
                return
        now = self._clock.now()
        written = self._write_files(messages, batch_id, now)
        tally = Tally.of(written)
        note_quarantine(query, tally.bad, tally.good + tally.bad)
        self._stop_if_too_bad(written, tally)
        latest = max(filter(None, (tally.latest, self._latest)), default=None)
        bad = files_of(written, good=False)
        note = {
            "query": query,
            "batch_id": batch_id,
            "latest": str(latest) if latest else None,
            "quarantine": [asdict(file) for file in bad],
        }
        good = files_of(written, good=True)
        self._bronze.append_files(good, query, batch_id, now, json.dumps(note))
        self._quarantine.append_files(bad, query, batch_id, now)
        self._note_versions()
        self._latest = latest

    def _note_versions(self) -> None:
        feed = self._feed
        bronze, quarantine = self._bronze.latest(), self._quarantine.latest()
        self._notes.note_tables((feed.bronze.name, bronze), (feed.quarantine.name, quarantine))

    def _resume(self, batch_id: int) -> list[PendingFile] | None:
        """Find bronze's last batch; if it is this one, return what is due in quarantine."""
        note = self._bronze.last_note("userMetadata")
        if note is None:
            return None
        seen: dict[str, Any] = json.loads(note)
        if seen.get("query", self._feed.identity.name) != self._feed.identity.name:
            return None  # an earlier version of the query; this one reads everything again
        if seen["batch_id"] > batch_id:
            raise StreamError(
                self._feed.identity.name,
                f"the checkpoint that goes with bronze, at batch {seen['batch_id']} or later",
                f"one at batch {batch_id}",
                "restore the checkpoint's folder, or raise the query's version to read all again",
            )
        self._latest = date.fromisoformat(seen["latest"]) if seen["latest"] else None
        is_held = seen["batch_id"] == batch_id
        return [PendingFile(**file) for file in seen["quarantine"]] if is_held else None

    def _write_files(self, messages: DataFrame, batch_id: int, now: datetime) -> list[WrittenFile]:
        limits, settings = self._intake.limits, self._settings
        rules = Rules.of(self._feed, limits, settings.timezone, now)
        if self._latest is not None:
            oldest = self._latest - timedelta(days=limits.allowed_lateness_days)
            rules = replace(rules, oldest=oldest)
        known = None if self._known is None else self._known.shared(messages.sparkSession)
        options = settings.lake_options
        writer = BatchWriter(
            rules, settings.lake_uri, options, batch_id, known, Address.of(settings)
        )
        moment = f.col("timestamp").alias("kafka_timestamp")
        wire = messages.select("key", "value", "partition", "offset", moment)
        return [
            WrittenFile(**row.asDict())
            for row in wire.mapInArrow(writer.write, WRITTEN_SCHEMA).collect()
        ]

    def _stop_if_too_bad(self, written: Sequence[WrittenFile], tally: Tally) -> None:
        limits, total = self._intake.limits, tally.good + tally.bad
        enough = total >= limits.quarantine_stop_rows
        if self._accept or not enough or tally.bad <= limits.quarantine_stop_ratio * total:
            return
        command = ingest_command(self._feed.identity.name, "--accept")
        samples = "; ".join([one.samples for one in written if one.samples][:1])
        raise StreamError(
            f"{self._feed.identity.name}, topic {self._feed.topic}",
            f"at most {limits.quarantine_stop_ratio:.0%} bad messages in a batch",
            f"{tally.bad} of {total}, such as {samples}",
            f"correct the producer, or send them to quarantine with `{command}`",
        )
