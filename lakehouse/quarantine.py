"""Messages that were refused: count them, look at them, mend them and send them again.

What was sent again is noted in `ops.quarantine_replays`; the quarantine itself keeps every message
as it came. A message sent twice, because the note was lost with the process, is dropped as a
duplicate by its `event_id`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from deltalake import write_deltalake

from lakehouse import store
from lakehouse.clock import Clock
from lakehouse.domains.cdr import names
from lakehouse.errors import ContractError, ServiceError, closest
from lakehouse.names import REPLAYS, table_uri
from lakehouse.publisher import Publisher
from lakehouse.settings import Settings

PLACE = ("topic", "partition", "offset")
FLUSH_S = 30.0
# The client's queue holds twice as many.
BLOCK_ROWS = 50_000
_TABLES = {
    names.TOPIC_EVENTS: names.QUARANTINE_EVENTS,
    names.TOPIC_OUTCOMES: names.QUARANTINE_OUTCOMES,
}


@dataclass(frozen=True)
class Correction:
    """How a refused message becomes a good one.

    `rename` gives a field the value of another, `values` sets a field; rename comes first.
    """

    rename: Mapping[str, str]
    values: Mapping[str, Any]

    def apply(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The corrected record.

        >>> Correction({"DP_MOC_COUNT": "calls"}, {"id": 1}).apply({"calls": 3})
        {'DP_MOC_COUNT': 3, 'id': 1}
        """
        corrected = dict(record)
        for name, source in self.rename.items():
            if source in corrected:
                corrected[name] = corrected.pop(source)
        return corrected | dict(self.values)


@dataclass(frozen=True)
class Replayed:
    """How many messages were sent again, and how many the correction could not be applied to."""

    sent: int
    unreadable: int


def counts(settings: Settings, topic: str = names.TOPIC_EVENTS) -> pl.DataFrame:
    """Messages by `reasons`: how many wait, how many were sent again, since when."""
    rows = _messages(settings, topic)
    waiting = (~pl.col("replayed")).sum()
    by_reason = rows.group_by("reasons").agg(
        waiting=waiting, replayed=pl.col("replayed").sum(), since=pl.col("kafka_timestamp").min()
    )
    return by_reason.sort("waiting", descending=True).collect()


def show(
    settings: Settings, reason: str | None = None, limit: int = 20, topic: str = names.TOPIC_EVENTS
) -> pl.DataFrame:
    """Waiting messages, oldest first: the raw text beside the rule that it broke."""
    text = pl.col("raw").map_elements(_text, return_dtype=pl.String)
    rows = _waiting(settings, topic, reason).sort("kafka_timestamp", *PLACE).head(limit)
    return rows.select(*PLACE, "reasons", "detail", text).collect()


def replay(
    settings: Settings,
    correction: Correction,
    clock: Clock,
    reason: str | None = None,
    topic: str = names.TOPIC_EVENTS,
    flush_s: float = FLUSH_S,
) -> Replayed:
    """Mend the waiting messages and send them to their topic again.

    They are sent and noted in blocks. Raises `ServiceError` when the broker does not take all of a
    block; of that block nothing is noted then.
    """
    rows, sent = _waiting(settings, topic, reason).collect(), 0
    for block in rows.iter_slices(BLOCK_ROWS):
        corrected = [_corrected(raw, correction) for raw in block["raw"]]
        good = pl.Series([value is not None for value in corrected], dtype=pl.Boolean)
        chosen = block.filter(good)
        _send(settings, chosen, [value for value in corrected if value is not None], flush_s)
        _note(settings, chosen, clock)
        sent += len(chosen)
    return Replayed(sent, len(rows) - sent)


def _note(settings: Settings, chosen: pl.DataFrame, clock: Clock) -> None:
    if len(chosen):
        noted = chosen.select(*PLACE, replayed_at=pl.lit(clock.now()))
        write_deltalake(
            table_uri(settings.lake_uri, REPLAYS),
            noted.to_arrow(),
            mode="append",
            storage_options=settings.lake_options,
        )


def _messages(settings: Settings, topic: str) -> pl.LazyFrame:
    if topic not in _TABLES:
        raise ContractError("topic", "one with a quarantine", topic, closest(topic, _TABLES))
    uri = table_uri(settings.lake_uri, _TABLES[topic])
    options = settings.lake_options
    if not store.exists(uri, options):
        raise ContractError(uri, "a quarantine", "none", "start the ingest first")
    rows = store.scan(uri, options).unique(PLACE)
    done = table_uri(settings.lake_uri, REPLAYS)
    if not store.exists(done, options):
        return rows.with_columns(replayed=pl.lit(False))
    noted = store.scan(done, options).select(*PLACE, replayed=pl.lit(True)).unique(PLACE)
    joined = rows.join(noted, on=PLACE, how="left")
    return joined.with_columns(pl.col("replayed").fill_null(False))


def _waiting(settings: Settings, topic: str, reason: str | None) -> pl.LazyFrame:
    rows = _messages(settings, topic).filter(~pl.col("replayed"))
    return rows.filter(pl.col("reasons").str.split(",").list.contains(reason)) if reason else rows


def _corrected(raw: bytes | None, correction: Correction) -> bytes | None:
    try:
        record = json.loads(raw or b"")
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    return json.dumps(correction.apply(record), separators=(",", ":")).encode()


def _send(settings: Settings, rows: pl.DataFrame, values: list[bytes], flush_s: float) -> None:
    publisher = Publisher(settings.kafka)
    try:
        for row, value in zip(rows.iter_rows(named=True), values, strict=True):
            publisher.send(row["topic"], row["key"], value)
        left = publisher.flush(flush_s)
    finally:
        publisher.drop()
    if left:
        raise ServiceError(
            f"Kafka at {settings.kafka.bootstrap_servers}",
            f"{len(values)} messages to be taken",
            f"{left} unanswered",
            "check the broker and replay again; repetitions are dropped",
        )


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.decode("utf-8", errors="backslashreplace")
