"""A small lake of call records whose silver and gold follow from its bronze."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from lakehouse.clock import FixedClock
from lakehouse.domains.cdr import contracts
from lakehouse.domains.cdr.contracts import BRONZE_EVENTS, MEASURES
from lakehouse.domains.settings import Settings
from lakehouse.kinds import arrow_schema
from lakehouse.names import table_uri
from pyspark_jobs.cdr import daily
from pyspark_jobs.cdr.transform import Transform, create_tables
from pyspark_jobs.delta import tables
from pyspark_jobs.engine import readers

START, DAYS, USERS = date(2026, 3, 1), 6, 4
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def bronze() -> pa.Table:
    rows = [
        {
            "id": day * USERS + user,
            "DP_DATE": datetime(2026, 3, 1 + day, 12, tzinfo=UTC),
            "DP_MSISDN": f"4500000{user}",
            **{spec.name: 2 if spec.kind == "long" else Decimal("1.500") for spec in MEASURES},
            "event_id": f"s:{day * USERS + user}",
            "emitted_at": NOW,
            "extras": None,
            "Date": START + timedelta(days=day),
            "topic": "cdr-events", "partition": 0, "offset": day * USERS + user,
            "kafka_timestamp": NOW, "batch_id": 0, "ingested_at": NOW,
        }
        for day in range(DAYS)
        for user in range(USERS)
        if (day + user) % 3
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, arrow_schema(BRONZE_EVENTS))


def fill(spark: SparkSession, settings: Settings) -> None:
    """Write bronze, and what the transform makes of it."""
    create_tables(settings)
    tables.create_missing(settings, contracts.PREDICTIONS)
    uri = table_uri(settings.lake_uri, BRONZE_EVENTS.name)
    write_deltalake(uri, bronze(), mode="append")
    events = daily.event_columns(readers.read_table(spark, uri), settings.spark.buckets)
    Transform(settings, FixedClock(NOW)).apply_events(pl.DataFrame(events.toArrow()))
