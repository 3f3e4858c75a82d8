"""Rejected messages: count them, look at them, correct them and send them again.

Messages sent again are recorded in `ops.quarantine_replays`; the quarantine itself keeps every
message unchanged. A message sent twice, because the process died before recording it, is dropped as
a duplicate by its `event_id`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from deltalake import write_deltalake

from lakehouse import display, store
from lakehouse.clock import Clock
from lakehouse.contracts import REASONS
from lakehouse.domain import Domain, Feed
from lakehouse.errors import ContractError, closest
from lakehouse.names import REPLAYS, table_uri
from lakehouse.publisher import Publisher
from lakehouse.settings import Settings

PLACE = ("topic", "partition", "offset")
DELIVER_S = 30.0
BLOCK_ROWS = 50_000


@dataclass(frozen=True)
class Correction:
    """How to correct a rejected message.

    `rename` gives a field the value of another, `values` sets a field; renames are applied first.
    """

    rename: Mapping[str, str]
    values: Mapping[str, Any]

    def apply(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The corrected record.

        >>> Correction({"count": "calls"}, {"id": 1}).apply({"calls": 3})
        {'count': 3, 'id': 1}
        """
        corrected = dict(record)
        for name, source in self.rename.items():
            if source in corrected:
                corrected[name] = corrected.pop(source)
        return corrected | dict(self.values)


@dataclass(frozen=True)
class Replayed:
    """How many messages were sent again, and how many could not be corrected."""

    sent: int
    unreadable: int


def feed_of(domain: Domain, topic: str | None = None) -> Feed:
    """The feed of a topic, by default the domain's first.

    Raises `ContractError` with the closest name if the domain reads no such topic.
    """
    known = {feed.topic: feed for feed in domain.feeds}
    if topic is None and known:
        return domain.feeds[0]
    if topic not in known:
        raise ContractError(
            "topic", "one with a quarantine", str(topic), closest(str(topic), known)
        )
    return known[topic]


def reasons(feed: Feed) -> tuple[str, ...]:
    """Every reason why a message of this feed can be rejected."""
    own = [field.pattern_reason for field in feed.message.fields if field.pattern]
    return tuple(dict.fromkeys((*REASONS, *own, feed.unknown_reason)))


def counts(settings: Settings, feed: Feed) -> pl.DataFrame:
    """Messages by `reasons`: how many are waiting, how many were sent again, and since when."""
    rows = _messages(settings, feed)
    waiting = (~pl.col("replayed")).sum()
    by_reason = rows.group_by("reasons").agg(
        waiting=waiting, replayed=pl.col("replayed").sum(), since=pl.col("kafka_timestamp").min()
    )
    return _collect(settings, feed, by_reason.sort("waiting", "reasons", descending=[True, False]))


def show(
    settings: Settings, feed: Feed, reason: str | None = None, limit: int = 20
) -> pl.DataFrame:
    """Waiting messages, oldest first: the text and the rule that it broke, safe to display."""
    rows = _waiting(settings, feed, reason).sort("kafka_timestamp", *PLACE).head(limit)
    shown = _collect(settings, feed, rows.select(*PLACE, "reasons", "detail", "raw"))
    return shown.with_columns(
        pl.col("detail").map_elements(display.printable, return_dtype=pl.String),
        pl.Series("raw", [display.readable(raw) for raw in shown["raw"]], dtype=pl.String),
    )


def replay(
    settings: Settings,
    feed: Feed,
    correction: Correction,
    clock: Clock,
    reason: str | None = None,
    deliver_s: float = DELIVER_S,
) -> Replayed:
    """Correct the waiting messages and send them to their topic again.

    They are sent and recorded in blocks. Raises `ServiceError` when the broker does not accept all
    of a block; nothing of that block is recorded then.
    """
    rows, sent = _collect(settings, feed, _waiting(settings, feed, reason)), 0
    publisher = Publisher(settings.kafka)
    for block in rows.iter_slices(BLOCK_ROWS):
        corrected = [_corrected(raw, correction) for raw in block["raw"]]
        good = pl.Series([value is not None for value in corrected], dtype=pl.Boolean)
        chosen = block.filter(good)
        values = [value for value in corrected if value is not None]
        for key, value in zip(chosen["key"], values, strict=True):
            publisher.send(feed.topic, key, value)
        publisher.deliver(deliver_s)
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


def _messages(settings: Settings, feed: Feed) -> pl.LazyFrame:
    uri = table_uri(settings.lake_uri, feed.quarantine.name)
    options = settings.lake_options
    if not store.exists(uri, options):
        raise ContractError.sentence(
            f"There is no quarantine at {uri} yet; `cdrlake ingest` or `cdrlake up` makes it.",
            where=uri,
        )
    rows = store.scan(uri, options).unique(PLACE)
    done = table_uri(settings.lake_uri, REPLAYS)
    if not store.exists(done, options):
        return rows.with_columns(replayed=pl.lit(False))
    noted = store.scan(done, options).select(*PLACE, replayed=pl.lit(True)).unique(PLACE)
    joined = rows.join(noted, on=PLACE, how="left")
    return joined.with_columns(pl.col("replayed").fill_null(False))


def _waiting(settings: Settings, feed: Feed, reason: str | None) -> pl.LazyFrame:
    rows = _messages(settings, feed).filter(~pl.col("replayed"))
    return rows.filter(pl.col("reasons").str.split(",").list.contains(reason)) if reason else rows


def _collect(settings: Settings, feed: Feed, rows: pl.LazyFrame) -> pl.DataFrame:
    uri = table_uri(settings.lake_uri, feed.quarantine.name)
    return store.collect(rows, uri, settings.lake_options)


def _corrected(raw: bytes | None, correction: Correction) -> bytes | None:
    try:
        record = json.loads(raw or b"")
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    return json.dumps(correction.apply(record), separators=(",", ":")).encode()
