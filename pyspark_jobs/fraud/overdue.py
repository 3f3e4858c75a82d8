"""Truth whose event never came goes to the quarantine of its topic, with a reason of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from lakehouse.domains.fraud import contracts, names
from lakehouse.domains.fraud.contracts import QUARANTINE_TRUTH
from lakehouse.kinds import polars_schema
from lakehouse.names import table_uri
from lakehouse.settings import Settings
from pyspark_jobs.delta.files import write_file
from pyspark_jobs.delta.table_writer import DeltaTableWriter

REASON = "no_prediction"
_QUERY = f"{names.JOIN.name}_overdue"
EPOCH = pl.Datetime("us", "UTC")


def quarantine_overdue(
    settings: Settings, waiting: DeltaTableWriter, oldest: datetime, batch_id: int, now: datetime
) -> int:
    """Move truth known before `oldest` from the waiting table to quarantine; returns how many.

    First into quarantine, in a transaction of the batch, then out of the waiting table: truth is
    never in neither of them. A replayed batch appends nothing, so it leaves what has become overdue
    since then to the next batch.
    """
    held = waiting.read().collect()
    overdue = held.filter(pl.col("known_at") < oldest)
    if overdue.is_empty():
        return 0
    table = DeltaTableWriter(settings.lake_uri, QUARANTINE_TRUTH, settings.lake_options)
    rows = _as_refused(settings, overdue, batch_id, now)
    uri = table_uri(settings.lake_uri, QUARANTINE_TRUTH.name)
    file = write_file(rows, uri, QUARANTINE_TRUTH, settings.lake_options)
    table.append_files([file], _QUERY, batch_id, now)
    moved = overdue.join(_moved(table, batch_id), on="message_id", how="semi")
    waiting.replace(held.join(moved, on="message_id", how="anti"))
    return len(moved)


def _moved(quarantine: DeltaTableWriter, batch_id: int) -> pl.DataFrame:
    """The events whose truth this batch has put into quarantine."""
    own = (pl.col("batch_id") == batch_id) & (pl.col("reasons") == REASON)
    rows = quarantine.read().filter(own)
    return rows.select(message_id=pl.col("key").cast(pl.String)).collect()


def _as_refused(
    settings: Settings, overdue: pl.DataFrame, batch_id: int, now: datetime
) -> pl.DataFrame:
    """The rows as the quarantine keeps them, with the place in Kafka of the newest message."""
    bronze = DeltaTableWriter(settings.lake_uri, contracts.BRONZE_TRUTH, settings.lake_options)
    span = pl.col("known_date").is_between(
        overdue["known_at"].min().date(),  # type: ignore[union-attr]
        overdue["known_at"].max().date(),  # type: ignore[union-attr]
    )
    wire = ["topic", "partition", "offset", "kafka_timestamp"]
    sent = bronze.read().filter(span).select("message_id", "known_at", *wire)
    placed = overdue.lazy().join(sent, on=["message_id", "known_at"]).unique("message_id")
    body = pl.struct("message_id", "Class", "known_at").struct.json_encode()
    kinds: Any = polars_schema(QUARANTINE_TRUTH)
    rows = placed.with_columns(
        reasons=pl.lit(REASON),
        detail=pl.lit("expected a prediction of the event within fraud.truth_days, none came"),
        key=pl.col("message_id").cast(pl.Binary),
        raw=body.cast(pl.Binary),
        batch_id=pl.lit(batch_id, pl.Int64),
        ingested_at=pl.lit(now).cast(EPOCH),
    )
    return rows.select(QUARANTINE_TRUTH.names).cast(kinds).collect()
