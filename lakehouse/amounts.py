"""Evaluates the amounts that a domain's checks compare, each once and in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime

import polars as pl
from confluent_kafka import Message

from lakehouse import kafka, ledger, offsets, store
from lakehouse.checks import (
    Amount,
    At,
    Conflicts,
    Distinct,
    Expired,
    Held,
    Keys,
    Lost,
    Messages,
    Number,
    OwnEvents,
    Sql,
    Sum,
)
from lakehouse.counting import Tables, adding
from lakehouse.distinct import DistinctHashes
from lakehouse.domain import Domain, Feed, Station
from lakehouse.errors import ContractError, closest
from lakehouse.names import DATA_LOSS
from lakehouse.offsets import Holdings, Places
from lakehouse.settings import Settings

Starts = Mapping[str, date | datetime | None]


class Counter:
    """Evaluates amounts against an installation and remembers them."""

    def __init__(self, settings: Settings, domain: Domain, starts: Starts) -> None:
        self._settings, self._domain, self._starts = settings, domain, starts
        self._tables = Tables(settings)
        self._found: dict[Amount, int] = {}
        self._holdings: dict[str, Holdings] = {}
        self._readable: dict[str, int] = {}

    def count(self, amount: Amount) -> int:
        """The value of `amount`. Raises `CdrlakeError` when a source cannot be reached."""
        if amount not in self._found:
            self._found[amount] = self._evaluate(amount)
        return self._found[amount]

    def known(self, amount: Amount) -> int | None:
        """The value of `amount` if it was asked before."""
        return self._found.get(amount)

    def examples(self, conflicts: Conflicts, most: int) -> list[str]:
        """Ids that are in conflict, at most `most` of them."""
        return self._tables.examples(conflicts, most)

    def _evaluate(self, amount: Amount) -> int:
        match amount:
            case Number(value):
                return value
            case Sql(query):
                return ledger.one(self._settings, query)
            case At(station):
                return self._station(station)
            case Distinct():
                return self._distinct(amount)
            case Sum(table, column):
                return self._tables.total(table, column)
            case Conflicts():
                return self._tables.conflicts(amount)
            case OwnEvents(topic, streams):
                return self._own_events(self._feed(topic), streams)
            case _:
                return self._of_topic(amount)

    def _of_topic(self, amount: Messages | Held | Keys | Expired | Lost) -> int:
        topic = amount.topic
        match amount:
            case Messages():
                return self._held(topic).count + self._homeless(topic)
            case Held():
                return self._held(topic).count
            case Keys():
                return self._keys(topic)
            case Expired():
                ranges = kafka.offset_ranges(self._settings.kafka, topic)
                return sum(first for first, _ in ranges.values())
            case Lost():
                return self._lost(topic)

    def _station(self, name: str) -> int:
        stations = {station.name: station for station in self._domain.stations}
        if name not in stations:
            raise ContractError("check", "a station", repr(name), closest(name, stations))
        station: Station = stations[name]
        if station.kind == "sql":
            return self.count(Sql(station.of))
        if station.kind == "table":
            return ledger.rows_of(self._settings, station.of)
        if self._domain.feed(station.of) is not None:
            return self.count(Messages(station.of))
        self.count(Keys(station.of))
        return self._readable[station.of]

    def _feed(self, topic: str) -> Feed:
        feed = self._domain.feed(topic)
        if feed is None:
            known = [one.topic for one in self._domain.feeds]
            raise ContractError("check", "the topic of a feed", repr(topic), closest(topic, known))
        return feed

    def _distinct(self, amount: Distinct) -> int:
        where = None
        if amount.since is not None:
            start = self._starts.get(amount.model or "")
            if start is None:
                return 0
            where = pl.col(amount.since) >= start
        return self._tables.distinct(amount.table, amount.columns, where)

    def _own_events(self, feed: Feed, streams: str) -> int:
        if feed.event_id is None:
            raise ContractError(f"feed {feed.topic}", "an event id", "none", "declare `event_id`")
        known = [row[0] for row in ledger.rows(self._settings, streams)]
        name = feed.event_id
        own = pl.col(name).str.split(":").list.first().is_in(known)
        with DistinctHashes() as found:
            self._tables.visit(feed.bronze.name, [name], adding(found), own)
            self._tables.visit(
                feed.quarantine.name,
                ["raw"],
                lambda batch: adding(found)(named_in(batch["raw"], name).filter(own)),
            )
            return found.count()

    def _held(self, topic: str) -> Holdings:
        if topic not in self._holdings:
            feed = self._feed(topic)
            ranges = kafka.offset_ranges(self._settings.kafka, topic)
            tables = (self._tables.scan(one.name) for one in (feed.bronze, feed.quarantine))
            places = [
                Places(uri, frame.filter(pl.col("topic") == topic), self._settings.lake_options)
                for frame, uri in filter(None, tables)
            ]
            self._holdings[topic] = offsets.examine(places, ranges)
        return self._holdings[topic]

    def _homeless(self, topic: str) -> int:
        """Messages that can be read and that neither bronze nor quarantine holds."""
        held = self._held(topic)
        found = kafka.read_ranges(self._settings.kafka, topic, held.stretches())
        return sum(held.lacks(message.partition(), message.offset()) for message in found)

    def _keys(self, topic: str) -> int:
        """Distinct keys; the messages are counted on the way."""
        self._readable[topic] = 0
        with DistinctHashes() as found:
            waiting: list[bytes] = []

            def keep(message: Message) -> None:
                self._readable[topic] += 1
                if message.value() is not None:
                    waiting.append(message.key() or b"")
                if len(waiting) >= store.BATCH_ROWS:
                    adding(found)(_keys(waiting))
                    waiting.clear()

            kafka.read_all(self._settings.kafka, topic, keep)
            adding(found)(_keys(waiting))
            return found.count()

    def _lost(self, topic: str) -> int:
        """Offsets on record, each counted once, since two queries may have met the same gap."""
        spans: dict[int, list[tuple[int, int]]] = {}

        def take(batch: pl.DataFrame) -> None:
            for partition, first, until in batch.iter_rows():
                spans.setdefault(partition, []).append((first, until))

        columns = ["partition", "first", "until"]
        self._tables.visit(DATA_LOSS, columns, take, pl.col("topic") == topic)
        joined = (span for found in spans.values() for span in offsets.join(sorted(found), 0))
        return sum(until - first for first, until in joined)


def _keys(keys: list[bytes]) -> pl.DataFrame:
    return pl.DataFrame({"key": keys}, schema={"key": pl.Binary})


def named_in(raw: pl.Series, event_id: str) -> pl.DataFrame:
    """Event ids that refused messages name; they may be any bytes, text or not.

    >>> named_in(pl.Series([b'{"event_id": "a:1"', b"\\xff", None]), "event_id").to_dicts()
    [{'event_id': 'a:1'}]
    """
    pattern = re.compile(rb'"' + re.escape(event_id.encode()) + rb'"\s*:\s*"([^"]+)"')
    found = (pattern.search(one) for one in raw.drop_nulls())
    ids = [match[1].decode("utf-8", "replace") for match in found if match]
    return pl.DataFrame({event_id: ids}, schema={event_id: pl.String})
