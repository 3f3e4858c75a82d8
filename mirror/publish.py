"""Publishing of rows as JSON messages, keyed by the contract's key."""

from __future__ import annotations

import polars as pl
from confluent_kafka import Producer

from lakehouse.contracts import Contract
from lakehouse.errors import ServiceError
from lakehouse.kafka import client_options
from lakehouse.settings.kafka import KafkaSettings

FLUSH_S = 60.0


class Publisher:
    """An idempotent producer of rows; `send` returns when the broker has acknowledged them all."""

    def __init__(self, kafka: KafkaSettings, contract: Contract) -> None:
        options = {"enable.idempotence": "true", "compression.type": "lz4", "linger.ms": "20"}
        self._producer = Producer(client_options(kafka) | options)
        self._key = list(contract.key)
        self._failures: list[str] = []

    def send(self, topic: str, rows: pl.DataFrame) -> None:
        """Publish `rows`; raises `ServiceError` when one was not acknowledged."""
        self._failures.clear()
        keys = rows.select(pl.concat_str(pl.col(self._key).cast(pl.String), separator="|"))
        for key, line in zip(keys.to_series(), rows.write_ndjson().splitlines(), strict=True):
            self._produce(topic, key, line)
        left = self._producer.flush(FLUSH_S)
        if left or self._failures:
            cause = self._failures[0] if self._failures else f"{left} without an answer"
            raise ServiceError(
                f"topic {topic}", "all messages acknowledged", cause, "it is retried"
            )

    def _produce(self, topic: str, key: str, line: str) -> None:
        while True:
            try:
                self._producer.produce(topic, line, key, on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(1.0)

    def _delivered(self, error: object, _message: object) -> None:
        if error is not None:
            self._failures.append(str(error))
