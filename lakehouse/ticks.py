"""The table of ticks: how far the time of a stream has come, although no event came."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from deltalake import write_deltalake

from lakehouse.contracts import Contract, Field
from lakehouse.kinds import arrow_schema
from lakehouse.names import STREAM_TICKS, table_uri
from lakehouse.settings import Settings

TICKS = Contract(
    STREAM_TICKS,
    (
        Field("stream", "string", "name of the stream"),
        Field("ts", "timestamp", "event time that the stream has reached, though no event came"),
    ),
    key=("stream", "ts"),
)


def send(settings: Settings, stream: str, moment: datetime) -> None:
    """Say that the time of a stream has reached `moment`; later events before it are late."""
    rows = pa.Table.from_pylist([{"stream": stream, "ts": moment}], schema=arrow_schema(TICKS))
    uri = table_uri(settings.lake_uri, TICKS.name)
    write_deltalake(uri, rows, mode="append", storage_options=settings.lake_options)
