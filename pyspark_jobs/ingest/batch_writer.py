"""An ingest task: parse the messages, write each one once, and report what was written.

Only the description of the files goes back to the driver, not the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import NamedTuple, Protocol, cast

import polars as pl
import pyarrow as pa

from lakehouse.contracts import Contract
from lakehouse.names import table_uri
from lakehouse.schema_registry.client import Address
from pyspark_jobs.delta.files import PendingFile, write_file
from pyspark_jobs.ingest import framed
from pyspark_jobs.ingest.parse import parse, refusals
from pyspark_jobs.ingest.rules import Rules

ROWS_PER_FILE = 500_000
MESSAGES_AT_ONCE, BYTES_AT_ONCE = 20_000, 64 * 2**20
SAMPLES = 3
WRITTEN_SCHEMA = """good boolean, messages long, latest date, samples string, path string,
    size long, stats string"""
_ARROW = pa.schema(
    [
        ("good", pa.bool_()),
        ("messages", pa.int64()),
        ("latest", pa.date32()),
        ("samples", pa.string()),
        ("path", pa.string()),
        ("size", pa.int64()),
        ("stats", pa.string()),
    ]
)


@dataclass(frozen=True)
class WrittenFile:
    """A file for bronze (`good`) or for the quarantine, and how many rows are in it.

    `latest` is the latest event date among good rows, and `samples` are some of the rejected
    messages with the rule that each broke.
    """

    good: bool
    messages: int
    latest: date | None
    samples: str | None
    path: str
    size: int
    stats: str


class Tally(NamedTuple):
    """Contents of a batch: rows for bronze, rejected messages, and the latest date of the rows."""

    good: int
    bad: int
    latest: date | None

    @classmethod
    def of(cls, written: Sequence[WrittenFile]) -> Tally:
        """The total of what the tasks wrote."""
        good = sum(one.messages for one in written if one.good)
        bad = sum(one.messages for one in written if not one.good)
        dates = [one.latest for one in written if one.latest is not None]
        return cls(good, bad, max(dates, default=None))


def files_of(written: Sequence[WrittenFile], good: bool) -> list[PendingFile]:
    """The files for one of the two tables."""
    return [PendingFile(one.path, one.size, one.stats) for one in written if one.good == good]


class Shared(Protocol):
    """The names of known entities, as held by Spark's broadcast."""

    @property
    def value(self) -> frozenset[str]:
        """The names, read once in each worker."""
        ...


@dataclass(frozen=True)
class BatchWriter:
    """The rules and locations of one micro-batch; `options` are the object store's.

    Rows are stamped with `rules.now`. With `known`, only those entities are accepted. `schemas` is
    the address of the registry for messages in Avro.
    """

    rules: Rules
    lake_uri: str
    options: Mapping[str, str]
    batch_id: int
    known: Shared | None = None
    schemas: Address | None = None

    def write(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """For `mapInArrow`: batches of messages in, rows of `WRITTEN_SCHEMA` out.

        The messages have key, value, partition, offset and `kafka_timestamp`; the topic is the same
        for all, so it is not sent with each.
        """
        held: list[pl.DataFrame] = []
        feed, rules = self.rules.feed, self.rules
        if self.known is not None:
            rules = replace(rules, known=self.known.value)
        topic = pl.lit(feed.topic).alias("topic")
        for table in _larger(batches):
            wire = pl.DataFrame(pl.from_arrow(table)).with_columns(topic)
            held.append(self._parsed(wire, rules))
            if sum(map(len, held)) >= ROWS_PER_FILE:
                yield from self._write(held)
                held = []
        if held:
            yield from self._write(held)

    def _parsed(self, wire: pl.DataFrame, rules: Rules) -> pl.DataFrame:
        table = rules.feed.bronze
        if self.schemas is None or not framed.has_framed(wire):
            return parse(wire, rules, table)
        decoded, bad = framed.split(wire, rules.contract, framed.client_of(self.schemas))
        parsed = framed.with_raw(parse(decoded, rules, table), wire)
        return pl.concat([parsed, refusals(bad, table)])

    def _write(self, held: list[pl.DataFrame]) -> Iterator[pa.RecordBatch]:
        stamps = [
            pl.lit(self.batch_id, pl.Int64).alias("batch_id"),
            pl.lit(self.rules.now).cast(pl.Datetime("us", "UTC")).alias("ingested_at"),
        ]
        rows = pl.concat(held).with_columns(stamps)
        is_good = rows["reasons"].is_null()
        for good, table in ((True, self.rules.feed.bronze), (False, self.rules.feed.quarantine)):
            some = rows if good and is_good.all() else rows.filter(is_good == good)
            if not some.is_empty():
                yield self._written(some, good, table)

    def _written(self, rows: pl.DataFrame, good: bool, table: Contract) -> pa.RecordBatch:
        file = write_file(rows, table_uri(self.lake_uri, table.name), table, self.options)
        written = WrittenFile(
            good=good,
            messages=len(rows),
            latest=self._latest(rows) if good else None,
            samples=None if good else _samples(rows),
            path=file.path,
            size=file.size,
            stats=file.stats,
        )
        return pa.RecordBatch.from_pylist([asdict(written)], schema=_ARROW)

    def _latest(self, rows: pl.DataFrame) -> date | None:
        """The latest calendar date of the event time; None for a feed without one."""
        feed = self.rules.feed
        if feed.event_time is None:
            return None
        if feed.event_date is not None:
            return cast(date, rows[feed.event_date].max())
        moment = cast(datetime, rows[feed.event_time].max())
        return moment.astimezone(self.rules.zone).date()


def _larger(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Small batches put together, so that what each parsing costs is spread over many messages."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if (
            sum(map(len, held)) >= MESSAGES_AT_ONCE
            or sum(one.nbytes for one in held) >= BYTES_AT_ONCE
        ):
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _samples(rows: pl.DataFrame) -> str:
    some = rows.head(SAMPLES).select("partition", "offset", "detail").iter_rows()
    return "; ".join(f"{partition}:{offset} {detail}" for partition, offset, detail in some)
