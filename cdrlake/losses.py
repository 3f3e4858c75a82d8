"""Accepted data loss: the gaps on record in `ops.data_loss`."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from lakehouse import names, store
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri


def accepted_since(settings: Settings, moment: datetime) -> list[str]:
    """A sentence for every gap accepted at `moment` or later, or one that says there is none."""
    uri = table_uri(settings.lake_uri, names.DATA_LOSS)
    if not store.exists(uri, settings.lake_options):
        return ["No message was lost: the topics hold everything that was not read yet."]
    table = store.scan(uri, settings.lake_options).filter(pl.col("accepted_at") >= moment)
    ordered = table.sort("topic", "partition", "first")
    rows = store.collect(ordered, uri, settings.lake_options)
    if rows.is_empty():
        return ["No further message was lost: the topics hold everything that was not read yet."]
    return [_sentence(row) for row in rows.iter_rows(named=True)]


def _sentence(row: dict[str, object]) -> str:
    first, until = int(str(row["first"])), int(str(row["until"]))
    count = until - first
    lost = "1 message" if count == 1 else f"{count:,} messages"
    return (
        f"Went on without {lost} of topic {row['topic']}, partition {row['partition']}, offsets "
        f"{first} to {until - 1}; noted in {names.DATA_LOSS}."
    )
