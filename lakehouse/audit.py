"""The audit: the ledger with every check, exact, from the rows themselves."""

from __future__ import annotations

import re
from datetime import date

import polars as pl

from lakehouse import kafka, ledger, store
from lakehouse.domains.cdr import names
from lakehouse.ledger import Check, Ledger
from lakehouse.names import MYSQL_STREAMS, table_uri
from lakehouse.settings import Settings

_EVENT_ID = re.compile(rb'"event_id"\s*:\s*"([^"]+)"')
_STREAM_IDS = f"SELECT stream_id FROM {MYSQL_STREAMS}"  # noqa: S608
_OUTCOMES = f"SELECT COUNT(*) FROM {names.MYSQL_OUTCOMES}"  # noqa: S608


def audit(settings: Settings, scoring_start: date | None) -> Ledger:
    """Counts with every check, exact: distinct ids are read, not estimated.

    `scoring_start` is the first date that the champion may score, None before a champion.
    """
    quick = ledger.snapshot(settings)
    lake = _Lake(settings, scoring_start)
    stored, scored = quick.count("mysql"), lake.scored_keys()
    checks = (
        Check("sent = stored in MySQL", quick.count("sent"), stored),
        Check("outbox empty", quick.count("outbox"), 0),
        Check("stored in MySQL = distinct events in the lake", stored, lake.own_events(settings)),
        Check("in Kafka = bronze + quarantined", quick.count("kafka"), lake.messages()),
        Check("distinct in bronze = counted in silver", lake.bronze_events(), lake.silver_events()),
        Check("gold to score = scored", lake.scorable(), lake.scored_rows()),
        Check("scored = mirrored to MySQL", scored, quick.count("mysql predictions")),
        Check("scored = mirrored to Kafka", scored, _kafka_keys(settings)),
        Check("outcomes in MySQL = in the lake", ledger.one(settings, _OUTCOMES), lake.outcomes()),
    )
    return Ledger(quick.steps, checks)


class _Lake:
    """Exact counts that need the tables' rows."""

    def __init__(self, settings: Settings, scoring_start: date | None) -> None:
        self._uri, self._options = settings.lake_uri, settings.lake_options
        self._scoring_start = scoring_start

    def _scan(self, table: str) -> pl.LazyFrame | None:
        uri = table_uri(self._uri, table)
        return store.scan(uri, self._options) if store.exists(uri, self._options) else None

    def _distinct(self, table: str, *columns: str) -> int:
        frame = self._scan(table)
        if frame is None:
            return 0
        return int(frame.select(pl.struct(columns).n_unique()).collect().item())

    def messages(self) -> int:
        """Messages that bronze and quarantine hold, each counted once."""
        place = ("topic", "partition", "offset")
        found = (self._scan(name) for name in (names.BRONZE_EVENTS, names.QUARANTINE_EVENTS))
        frames = [frame.select(place) for frame in found if frame is not None]
        return (
            int(pl.concat(frames).select(pl.struct(place).n_unique()).collect().item())
            if frames
            else 0
        )

    def bronze_events(self) -> int:
        """Distinct events in bronze."""
        return self._distinct(names.BRONZE_EVENTS, "event_id")

    def silver_events(self) -> int:
        """Events that silver has counted."""
        frame = self._scan(names.SILVER_DAILY)
        return (
            int(frame.select(pl.col("events").sum()).collect().item()) if frame is not None else 0
        )

    def own_events(self, settings: Settings) -> int:
        """Distinct events of the streams that the simulator knows, wherever they ended."""
        streams = [row[0] for row in ledger.rows(settings, _STREAM_IDS)]
        bronze, bad = self._scan(names.BRONZE_EVENTS), self._scan(names.QUARANTINE_EVENTS)
        ids = [] if bronze is None else [bronze.select("event_id")]
        if bad is not None:
            ids.append(named_in(bad.select("raw").collect().to_series()).lazy())
        if not ids:
            return 0
        own = pl.col("event_id").str.split(":").list.first().is_in(streams)
        return int(
            pl.concat(ids).filter(own).select(pl.col("event_id").n_unique()).collect().item()
        )

    def scorable(self) -> int:
        """Rows of gold from the first scored date on."""
        return self._days_since_start(names.GOLD_FEATURES)

    def scored_rows(self) -> int:
        """Rows of gold from then on that have a prediction, by any version; past days that somebody
        had scored besides do not count."""
        return self._days_since_start(names.PREDICTIONS)

    def _days_since_start(self, table: str) -> int:
        frame = self._scan(table)
        if frame is None or self._scoring_start is None:
            return 0
        since = frame.filter(pl.col("Date") >= self._scoring_start)
        return int(since.select(pl.struct("User", "Date").n_unique()).collect().item())

    def scored_keys(self) -> int:
        """Predictions, one per row and model version."""
        return self._distinct(names.PREDICTIONS, "User", "Date", "model_version")

    def outcomes(self) -> int:
        """Distinct outcomes in bronze."""
        return self._distinct(names.BRONZE_OUTCOMES, "DP_MSISDN", "date")


def named_in(raw: pl.Series) -> pl.DataFrame:
    """Event ids that refused messages name; they may be any bytes, text or not.

    >>> named_in(pl.Series([b'{"event_id": "a:1"', b"\\xff", None])).to_dicts()
    [{'event_id': 'a:1'}]
    """
    found = (_EVENT_ID.search(one) for one in raw.drop_nulls())
    ids = [match[1].decode("utf-8", "replace") for match in found if match]
    return pl.DataFrame({"event_id": ids}, schema={"event_id": pl.String})


def _kafka_keys(settings: Settings) -> int:
    keys: set[bytes] = set()
    kafka.read_all(settings.kafka, names.TOPIC_PREDICTIONS, lambda m: keys.add(m.key() or b""))
    return len(keys)
