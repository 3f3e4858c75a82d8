"""Publishing of rows as JSON messages, keyed by the contract's key."""

from __future__ import annotations

import polars as pl

from lakehouse import publisher
from lakehouse.contracts import Contract
from lakehouse.errors import ServiceError
from lakehouse.settings.kafka import KafkaSettings

FLUSH_S = 60.0


class Publisher:
    """A producer of rows; `send` returns when the broker has acknowledged them all."""

    def __init__(self, kafka: KafkaSettings, contract: Contract) -> None:
        self._publisher = publisher.Publisher(kafka)
        self._key = list(contract.key)

    def send(self, topic: str, rows: pl.DataFrame) -> None:
        """Publish `rows`; raises `ServiceError` when one was not acknowledged."""
        keys = rows.select(pl.concat_str(pl.col(self._key).cast(pl.String), separator="|"))
        for key, line in zip(keys.to_series(), rows.write_ndjson().splitlines(), strict=True):
            self._publisher.send(topic, key, line)
        left = self._publisher.flush(FLUSH_S)
        if left:
            got = f"{left} without an answer"
            raise ServiceError(f"topic {topic}", "all messages acknowledged", got, "it is retried")
