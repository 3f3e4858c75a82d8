"""Ingest: bronze or quarantine, once, whatever is replayed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession

from lakehouse import store
from lakehouse.clock import FixedClock
from lakehouse.domain import Feed
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.domain import EVENTS
from lakehouse.domains.settings import Settings
from lakehouse.errors import StreamError
from lakehouse.names import table_uri
from pyspark_jobs.delta import tables
from pyspark_jobs.delta.table_writer import DeltaTableWriter
from pyspark_jobs.engine import readers
from pyspark_jobs.ingest.ingest import Ingest, Intake
from tests.spark.poison import poison

NOW = datetime(2026, 6, 10, tzinfo=UTC)


def message(number: int, **changes: Any) -> bytes:
    good = {
        "id": number,
        "DP_DATE": "2026-06-09T10:11:12.123Z",
        "DP_MSISDN": "4512345678",
        "DP_MOC_COUNT": 3,
        "DP_MOC_DURATION": 12.125,
        "DP_MTC_COUNT": 0,
        "DP_MTC_DURATION": 0,
        "DP_MOSMS_COUNT": 1,
        "DP_MTSMS_COUNT": 2,
        "DP_DATA_COUNT": 0,
        "DP_DATA_VOLUME": 0,
        "event_id": f"s:{number}",
        "emitted_at": "2026-06-09T10:11:12Z",
    }
    return json.dumps(good | changes).encode()


def batch(spark: SparkSession, values: Sequence[bytes], first: int = 0) -> DataFrame:
    """Messages as the Kafka source gives them."""
    count = len(values)
    offsets = range(first, first + count)
    columns = {
        "key": pa.array([b"k"] * count, pa.binary()),
        "value": pa.array(values, pa.binary()),
        "topic": pa.array([names.TOPIC_EVENTS] * count),
        "partition": pa.array([0] * count, pa.int32()),
        "offset": pa.array(offsets, pa.int64()),
        "timestamp": pa.array([NOW] * count, pa.timestamp("us", "UTC")),
    }
    return spark.createDataFrame(pa.table(columns))


@pytest.fixture
def feed(lake: Settings) -> Feed:
    tables.create_missing(lake, EVENTS.bronze, EVENTS.quarantine)
    return EVENTS


def ingest(lake: Settings, feed: Feed, accept: bool = False) -> Ingest:
    return Ingest(Intake(feed, lake.cdr), lake, FixedClock(NOW), accept)


def offsets(spark: SparkSession, lake: Settings, table: str) -> list[int]:
    rows = readers.read_table(spark, table_uri(lake.lake_uri, table)).select("offset").collect()
    return sorted(row[0] for row in rows)


def test_every_message_goes_to_bronze_or_to_quarantine(
    spark: SparkSession, lake: Settings, feed: Feed
) -> None:
    values = [message(0), b"junk", message(2, plan="gold"), message(3, DP_MOC_COUNT=-1)]
    ingest(lake, feed).write_batch(batch(spark, values), 0)
    assert offsets(spark, lake, names.BRONZE_EVENTS) == [0, 2]
    quarantine = readers.read_table(spark, table_uri(lake.lake_uri, names.QUARANTINE_EVENTS))
    rows = {row.offset: (row.reasons, bytes(row.raw)) for row in quarantine.collect()}
    assert rows == {1: ("not_json", b"junk"), 3: ("out_of_range", values[3])}
    bronze = readers.read_table(spark, table_uri(lake.lake_uri, names.BRONZE_EVENTS))
    kept = bronze.orderBy("offset").select("DP_MOC_DURATION", "extras", "batch_id").collect()
    assert [str(row[0]) for row in kept] == ["12.125", "12.125"]
    assert [row[1] for row in kept] == [None, '{"plan":"gold"}']
    assert {row[2] for row in kept} == {0}


def test_a_batch_replayed_by_a_new_process_changes_nothing(
    spark: SparkSession, lake: Settings, feed: Feed
) -> None:
    values = [message(0), b"junk"]
    for _ in range(2):
        ingest(lake, feed).write_batch(batch(spark, values), 0)
    assert offsets(spark, lake, names.BRONZE_EVENTS) == [0]
    assert offsets(spark, lake, names.QUARANTINE_EVENTS) == [1]


def test_a_batch_cut_off_before_its_quarantine_is_judged_alike_when_replayed(
    spark: SparkSession, lake: Settings, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(lake, feed).write_batch(batch(spark, [message(0)]), 0)
    # Message 1 moves the latest date on; judged by it, message 2 would be too late.
    values = [
        message(1, DP_DATE="2026-06-10T23:00:00Z"),
        message(2, DP_DATE="2026-06-06T01:00:00Z"),
    ]
    values.append(message(3, DP_DATE="2026-06-05T01:00:00Z"))
    write = DeltaTableWriter.append_files

    def die_at_quarantine(table: DeltaTableWriter, *rest: Any) -> None:
        if "quarantine" in table.uri:
            raise KeyboardInterrupt
        write(table, *rest)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(DeltaTableWriter, "append_files", die_at_quarantine)
        ingest(lake, feed).write_batch(batch(spark, values, 1), 1)
    ingest(lake, feed).write_batch(batch(spark, values, 1), 1)
    assert offsets(spark, lake, names.BRONZE_EVENTS) == [0, 1, 2]
    assert offsets(spark, lake, names.QUARANTINE_EVENTS) == [3]


def test_late_rows_within_the_lateness_pass_and_later_ones_do_not(
    spark: SparkSession, lake: Settings, feed: Feed
) -> None:
    query = ingest(lake, feed)
    query.write_batch(batch(spark, [message(0)]), 0)
    late = [message(n, DP_DATE=f"2026-06-{day:02}T00:00:00Z") for n, day in ((1, 6), (2, 5))]
    query.write_batch(batch(spark, late, 1), 1)
    assert offsets(spark, lake, names.BRONZE_EVENTS) == [0, 1]
    assert offsets(spark, lake, names.QUARANTINE_EVENTS) == [2]


def test_a_producer_a_day_ahead_costs_the_others_one_of_three_days(
    spark: SparkSession, lake: Settings, feed: Feed
) -> None:
    query, late = ingest(lake, feed), lake.cdr.allowed_lateness_days
    tomorrow = NOW.date() + timedelta(days=1)
    query.write_batch(batch(spark, [message(0, DP_DATE=f"{tomorrow}T00:00:00Z")]), 0)
    days = [NOW.date() - timedelta(days=ago) for ago in (late - 1, late)]
    others = [message(n, DP_DATE=f"{day}T12:00:00Z") for n, day in enumerate(days, 1)]
    beyond = message(3, DP_DATE=f"{tomorrow + timedelta(days=1)}T00:00:00Z")
    query.write_batch(batch(spark, [*others, beyond], 1), 1)
    assert offsets(spark, lake, names.BRONZE_EVENTS) == [0, 1]
    refused = store.scan(table_uri(lake.lake_uri, names.QUARANTINE_EVENTS)).sort("offset")
    assert refused.select("offset", "reasons").collect().rows() == [
        (2, "too_late"), (3, "bad_date"),
    ]  # fmt: skip


def test_too_many_bad_messages_stop_the_query_with_samples_until_accepted(
    spark: SparkSession, lake: Settings, feed: Feed
) -> None:
    values = [b"junk"] * 600 + [message(n) for n in range(600, 1000)]
    with pytest.raises(StreamError, match="600 of 1000, such as 0:0 expected JSON"):
        ingest(lake, feed).write_batch(batch(spark, values), 0)
    ingest(lake, feed, accept=True).write_batch(batch(spark, values), 0)
    assert len(offsets(spark, lake, names.BRONZE_EVENTS)) == 400
    assert len(offsets(spark, lake, names.QUARANTINE_EVENTS)) == 600


def test_a_lost_checkpoint_is_noticed_before_anything_is_skipped(
    spark: SparkSession, lake: Settings, feed: Feed
) -> None:
    query = ingest(lake, feed)
    query.write_batch(batch(spark, [message(0)]), 0)
    query.write_batch(batch(spark, [message(1)], 1), 1)
    with pytest.raises(StreamError, match="checkpoint"):
        ingest(lake, feed).write_batch(batch(spark, [message(0)]), 0)


def test_the_next_version_of_the_query_reads_all_again_and_finds_nothing_too_late(
    spark: SparkSession, lake: Settings, feed: Feed
) -> None:
    values = [message(0, DP_DATE="2026-05-01T00:00:00Z"), message(1)]
    for number, value in enumerate(values):
        ingest(lake, feed).write_batch(batch(spark, [value], number), number)
    identity = names.INGEST_EVENTS
    second = replace(feed, identity=replace(identity, version=identity.version + 1))
    ingest(lake, second).write_batch(batch(spark, values), 0)
    assert offsets(spark, lake, names.BRONZE_EVENTS) == [0, 0, 1, 1]
    assert offsets(spark, lake, names.QUARANTINE_EVENTS) == []
    ingest(lake, second).write_batch(batch(spark, values), 0)
    assert offsets(spark, lake, names.BRONZE_EVENTS) == [0, 0, 1, 1]


class Known:
    """A list of subscribers that a test replaces."""

    def __init__(self, *numbers: str) -> None:
        self.numbers = frozenset(numbers)

    def listed(self) -> frozenset[str]:
        return self.numbers


def test_known_subscribers_travel_once_for_as_long_as_the_list_is_the_same(
    spark: SparkSession, lake: Settings, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, broadcast = list[object](), SparkContext.broadcast

    def counted(context: SparkContext, value: object) -> object:
        sent.append(value)
        return broadcast(context, value)

    monkeypatch.setattr(SparkContext, "broadcast", counted)
    known = Known("4512345678")
    query = Ingest(Intake(feed, lake.cdr, known), lake, FixedClock(NOW))
    stranger = {"DP_MSISDN": "4599999999"}
    for number in range(2):
        values = [message(2 * number), message(2 * number + 1, **stranger)]
        query.write_batch(batch(spark, values, 2 * number), number)
    assert offsets(spark, lake, names.BRONZE_EVENTS) == [0, 2]
    assert [value for value in sent if isinstance(value, frozenset)] == [known.numbers]
    known.numbers |= {"4599999999"}
    query.write_batch(batch(spark, [message(4, **stranger)], 4), 2)
    assert offsets(spark, lake, names.BRONZE_EVENTS) == [0, 2, 4]
    assert sent.count(known.numbers) == 1


def test_ten_thousand_poisoned_messages_among_good_ones_stop_nobody(
    spark: SparkSession, lake: Settings, feed: Feed
) -> None:
    query, random = ingest(lake, feed), Random(5)
    query.write_batch(batch(spark, [message(0)]), 0)
    good = json.loads(message(1))
    poisoned = [poison(good, random, n) for n in range(10_000)]
    values = [message(n) for n in range(90_000)]
    for n, (_, raw) in enumerate(poisoned):
        values += [message(90_000 + n), raw]
    query.write_batch(batch(spark, values, 1), 1)
    uri = table_uri(lake.lake_uri, names.QUARANTINE_EVENTS)
    found = store.scan(uri).sort("offset").select("reasons", "raw").collect()
    assert found.rows() == poisoned
    bronze = store.scan(table_uri(lake.lake_uri, names.BRONZE_EVENTS)).select("id").collect()
    assert sorted(bronze["id"]) == [0, *range(100_000)]
