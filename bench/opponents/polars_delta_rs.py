"""The plain script without Spark: confluent-kafka, polars, delta-rs.

Nothing is checked, and a crash between the append and the commit of the offsets doubles rows.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import polars as pl
from confluent_kafka import Consumer, TopicPartition
from deltalake import write_deltalake

from lakehouse import kafka
from lakehouse.domains.cdr import names
from lakehouse.settings.kafka import KafkaSettings

BLOCK = 200_000
SCHEMA = {
    "id": pl.Int64,
    "DP_DATE": pl.String,
    "DP_MSISDN": pl.String,
    "DP_MOC_COUNT": pl.Int64,
    "DP_MOC_DURATION": pl.Float64,
    "DP_MTC_COUNT": pl.Int64,
    "DP_MTC_DURATION": pl.Float64,
    "DP_MOSMS_COUNT": pl.Int64,
    "DP_MTSMS_COUNT": pl.Int64,
    "DP_DATA_COUNT": pl.Int64,
    "DP_DATA_VOLUME": pl.Float64,
    "event_id": pl.String,
    "emitted_at": pl.String,
}
MOMENT = "%Y-%m-%dT%H:%M:%S%.fZ"
DECIMALS = ("DP_MOC_DURATION", "DP_MTC_DURATION", "DP_DATA_VOLUME")


def ingest(settings: KafkaSettings, folder: Path) -> None:
    """Read the topic of events to its end into a Delta table in `folder`."""
    left = sum(kafka.end_offsets(settings, names.TOPIC_EVENTS).values())
    options = kafka.client_options(settings) | {
        "group.id": uuid.uuid4().hex,
        "enable.auto.commit": False,
        "queued.min.messages": 1_000_000,
        "fetch.max.bytes": 67_108_864,
    }
    consumer = Consumer(options)
    partitions = range(settings.partitions)
    consumer.assign([TopicPartition(names.TOPIC_EVENTS, number, 0) for number in partitions])
    block: list[bytes] = []
    while left:
        found = consumer.consume(min(10_000, left), 1.0)
        block += [message.value() for message in found]
        left -= len(found)
        if len(block) >= BLOCK or not left:
            _append(block, folder / "table")
            block = []
    consumer.close()


def _append(block: list[bytes], table: Path) -> None:
    rows = pl.read_ndjson(b"\n".join(block), schema=SCHEMA)
    moments = [
        pl.col(name).str.to_datetime(MOMENT, time_unit="us", time_zone="UTC")
        for name in ("DP_DATE", "emitted_at")
    ]
    amounts = [pl.col(name).cast(pl.Decimal(18, 3)) for name in DECIMALS]
    typed = rows.with_columns(*moments, *amounts).with_columns(Date=pl.col("DP_DATE").dt.date())
    write_deltalake(str(table), typed.to_arrow(compat_level=pl.CompatLevel.oldest()), mode="append")
