"""Kafka to bronze or quarantine: every message gets exactly one home."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

import polars as pl
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as f
from pyspark.sql import types as t
from pyspark.sql.streaming.query import StreamingQuery

from lakehouse import contracts, names
from lakehouse.clock import Clock
from lakehouse.contracts import Contract
from lakehouse.errors import StreamError
from lakehouse.names import QueryIdentity, table_uri
from lakehouse.settings import Settings
from lakehouse.settings.model import CdrSettings
from pyspark_jobs import gaps, sinks, sources, streams, tables
from pyspark_jobs.cdr.parse import batch_parser, parsed_fields
from pyspark_jobs.cdr.quality import Rules
from pyspark_jobs.progress import note_quarantine
from pyspark_jobs.rows import RowTable

SAMPLES = 3


@dataclass(frozen=True)
class Feed:
    """A topic, the rules of its messages, and the two tables that they end in."""

    identity: QueryIdentity
    topic: str
    rules: Rules
    bronze: Contract
    quarantine: Contract


def events_feed(cdr: CdrSettings, timezone: str) -> Feed:
    """The feed of usage events; only these can be too late."""
    rules = Rules(
        contracts.CDR_EVENT,
        dated_by="DP_DATE",
        timezone=timezone,
        max_bytes=cdr.max_message_kib * 1024,
    )
    bronze, quarantine = contracts.BRONZE_EVENTS, contracts.QUARANTINE_EVENTS
    return Feed(names.INGEST_EVENTS, names.TOPIC_EVENTS, rules, bronze, quarantine)


def outcomes_feed(cdr: CdrSettings) -> Feed:
    """The feed of labels that have become known."""
    rules = Rules(contracts.CDR_OUTCOME, max_bytes=cdr.max_message_kib * 1024)
    bronze, quarantine = contracts.BRONZE_OUTCOMES, contracts.QUARANTINE_OUTCOMES
    return Feed(names.INGEST_OUTCOMES, names.TOPIC_OUTCOMES, rules, bronze, quarantine)


@dataclass(frozen=True)
class Leave:
    """What a person has allowed: any share of bad messages, or a gap in the topic."""

    bad_messages: bool = False
    lost_messages: bool = False


NOTHING = Leave()


def start(
    spark: SparkSession,
    settings: Settings,
    feed: Feed,
    clock: Clock,
    every_seconds: float | None,
    leave: Leave = NOTHING,
) -> StreamingQuery:
    """Start the ingest of `feed`.

    Raises `StreamError` when messages that were not read yet are gone from the topic.
    """
    tables.create_missing(settings, feed.bronze, feed.quarantine)
    gaps.check(settings, feed.identity, feed.topic, clock, leave.lost_messages)
    limit = settings.spark.max_offsets_per_trigger
    messages = sources.kafka_stream(
        spark, settings.kafka, feed.topic, limit, stop_at_gap=not leave.lost_messages
    )
    write = Ingest(feed, settings, clock, leave.bad_messages).write_batch
    return streams.start(feed.identity, messages, write, settings.lake_uri, every_seconds)


class Tally(NamedTuple):
    """What a batch held: rows for bronze, refused messages, latest date among the rows."""

    good: int
    bad: int
    latest: date | None


class Ingest:
    """Writes the micro-batches of one feed.

    Bronze is written first, in the one pass that parses; only if messages were refused is the
    batch read again for the quarantine. The commit of bronze notes what the batch was judged by,
    so that a batch cut short between the two is judged alike when it is replayed.
    """

    def __init__(self, feed: Feed, settings: Settings, clock: Clock, accept: bool = False) -> None:
        self._feed, self._cdr, self._clock, self._accept = feed, settings.cdr, clock, accept
        self._commits = RowTable(settings.lake_uri, feed.bronze, settings.lake_options)
        self._bronze = table_uri(settings.lake_uri, feed.bronze.name)
        self._quarantine = table_uri(settings.lake_uri, feed.quarantine.name)
        self._latest: date | None = None
        self._resumed = False

    def write_batch(self, messages: DataFrame, batch_id: int) -> None:
        """Write one micro-batch; a replayed one changes nothing.

        Raises `StreamError` when too many messages are bad, or the checkpoint was lost.
        """
        is_replay = not self._resumed and self._resume(batch_id)
        judged = self._judged(messages, batch_id)
        tally = self._count(judged) if is_replay else self._append_good(judged, batch_id)
        note_quarantine(self._feed.identity.name, tally.bad, tally.good + tally.bad)
        if tally.bad:
            self._stop_if_too_bad(judged, tally)
            bad = self._table_rows(judged.where("reasons IS NOT NULL"), self._feed.quarantine)
            sinks.append_once(bad, self._quarantine, self._feed.identity.name, batch_id)
        if tally.latest is not None:
            self._latest = max(tally.latest, self._latest or tally.latest)
        self._resumed = True

    def _resume(self, batch_id: int) -> bool:
        """Find where bronze stands; true when it holds this batch already."""
        note = self._commits.last_note("userMetadata")
        seen: dict[str, Any] = json.loads(note) if note else {"batch_id": -1}
        if seen["batch_id"] > batch_id:
            raise StreamError(
                self._feed.identity.name,
                f"the checkpoint that goes with bronze, at batch {seen['batch_id']} or later",
                f"one at batch {batch_id}",
                "restore the checkpoint's folder, or raise the query's version to read all again",
            )
        if seen["batch_id"] == batch_id:
            self._latest = date.fromisoformat(seen["latest"]) if seen["latest"] else None
            return True
        if self._feed.rules.dated_by is not None:
            latest = self._commits.read().select(pl.col("Date").max()).collect()
            self._latest = latest.item()
        return False

    def _judged(self, messages: DataFrame, batch_id: int) -> DataFrame:
        lateness = timedelta(days=self._cdr.allowed_lateness_days)
        oldest = self._latest - lateness if self._latest else None
        rules = replace(self._feed.rules, oldest=oldest)
        parser = batch_parser(rules, self._feed.bronze)
        wire = messages.select(
            "key",
            "value",
            "topic",
            "partition",
            "offset",
            f.col("timestamp").alias("kafka_timestamp"),
        )
        fields = parsed_fields(self._feed.bronze)
        schema = t.StructType([t.StructField(s.name, tables.TYPES[s.kind]) for s in fields])
        stamped = {
            "batch_id": f.lit(batch_id).cast("long"),
            "ingested_at": f.lit(self._clock.now()),
        }
        return wire.mapInArrow(parser, schema).withColumns(stamped)

    def _append_good(self, judged: DataFrame, batch_id: int) -> Tally:
        observed = Observation()
        rows = judged.observe(observed, *_tally_columns(self._feed)).where("reasons IS NULL")
        note = {"batch_id": batch_id, "latest": str(self._latest) if self._latest else None}
        good = self._table_rows(rows, self._feed.bronze)
        query = self._feed.identity.name
        sinks.append_once(good, self._bronze, query, batch_id, json.dumps(note))
        return Tally(**observed.get)

    def _count(self, judged: DataFrame) -> Tally:
        row = judged.agg(*_tally_columns(self._feed)).first()
        return Tally(**row.asDict()) if row else Tally(0, 0, None)

    def _table_rows(self, rows: DataFrame, table: Contract) -> DataFrame:
        return rows.select(*table.names)

    def _stop_if_too_bad(self, judged: DataFrame, tally: Tally) -> None:
        ratio = tally.bad / (tally.good + tally.bad)
        enough = tally.good + tally.bad >= self._cdr.quarantine_stop_rows
        if self._accept or not enough or ratio <= self._cdr.quarantine_stop_ratio:
            return
        bad = judged.where("reasons IS NOT NULL").select("partition", "offset", "detail")
        samples = "; ".join(f"{r.partition}:{r.offset} {r.detail}" for r in bad.take(SAMPLES))
        raise StreamError(
            f"{self._feed.identity.name}, topic {self._feed.topic}",
            f"at most {self._cdr.quarantine_stop_ratio:.0%} bad messages in a batch",
            f"{tally.bad} of {tally.good + tally.bad}, such as {samples}",
            "mend the producer, or take them into quarantine with `cdrlake ingest --accept`",
        )


def _tally_columns(feed: Feed) -> list[Column]:
    is_bad = f.col("reasons").isNotNull()
    latest = f.max("Date") if feed.rules.dated_by else f.lit(None).cast("date")
    good = f.coalesce(f.sum((~is_bad).cast("long")), f.lit(0)).alias("good")
    bad = f.coalesce(f.sum(is_bad.cast("long")), f.lit(0)).alias("bad")
    return [good, bad, latest.alias("latest")]
