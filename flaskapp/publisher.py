"""Publishing to Kafka so that it is known when everything has arrived."""

from __future__ import annotations

from confluent_kafka import Producer

from lakehouse.errors import ServiceError
from lakehouse.kafka import client_options
from lakehouse.settings.kafka import KafkaSettings


class Publisher:
    """An idempotent producer that knows whether everything handed to it was acknowledged."""

    def __init__(self, kafka: KafkaSettings) -> None:
        options = {
            "enable.idempotence": "true",
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": "20",
            "batch.num.messages": "20000",
            "batch.size": "1000000",
            "queue.buffering.max.messages": "200000",
            "message.timeout.ms": "60000",
            "delivery.report.only.error": True,
            "on_delivery": self._failed,
        }
        self._producer = Producer(client_options(kafka) | options)
        self._failure: str | None = None

    def send(self, topic: str, key: str | bytes, value: bytes) -> None:
        """Hand over one message; waits while the queue is full."""
        while True:
            try:
                self._producer.produce(topic, value, key)
                return
            except BufferError:
                self._producer.poll(0.1)

    def flush(self, seconds: float) -> int:
        """Wait for acknowledgements; messages that have none yet.

        Raises `ServiceError` when the broker refused one or it grew too old.
        """
        left = int(self._producer.flush(seconds))
        if self._failure is not None:
            raise ServiceError(
                "Kafka", "an acknowledgement of every message", self._failure, "it is tried again"
            )
        return left

    def drop(self) -> None:
        """Forget what is still unsent."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _failed(self, error: object, _message: object) -> None:
        if error is not None:
            self._failure = str(error)
