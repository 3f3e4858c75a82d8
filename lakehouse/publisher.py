"""Publishing to Kafka so that it is known when everything has arrived."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaError, Message, Producer

from lakehouse.errors import ServiceError
from lakehouse.kafka_access import Access
from lakehouse.settings.kafka import KafkaSettings

OPTIONS = {
    "enable.idempotence": "true",
    "acks": "all",
    "compression.type": "lz4",
    "linger.ms": "20",
    "batch.num.messages": "20000",
    "batch.size": "1000000",
    "queue.buffering.max.messages": "200000",
    "message.timeout.ms": "60000",
    "delivery.report.only.error": True,
}
_SLICE_S = 0.5


class Publisher:
    """An idempotent producer that knows whether everything handed to it was acknowledged."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._access = Access(kafka)
        self._producer = Producer(self._access.options | OPTIONS | {"on_delivery": self._reported})
        self._failure: str | None = None
        self._about: str | None = None

    def send(self, topic: str, key: str | bytes | None, value: str | bytes) -> None:
        """Hand over one message; waits while the queue is full.

        Raises `AccessError` when the broker refuses this client.
        """
        while True:
            try:
                self._producer.produce(topic, value, key)
                return
            except BufferError:
                self._serve(self._producer.poll, 0.1)

    def flush(self, seconds: float) -> int:
        """Wait for acknowledgements; messages that have none yet.

        Raises `AccessError` when the broker refuses this client, and `ServiceError` when it
        refused a message or that grew too old.
        """
        self._serve(self._producer.poll, 0)
        left = len(self._producer)
        while left and seconds > 0:
            left = self._serve(self._producer.flush, min(_SLICE_S, seconds))
            seconds -= _SLICE_S
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise ServiceError(
                "Kafka",
                "an acknowledgement of every message",
                failure,
                "check the topic and the broker",
            )
        return left

    def drop(self) -> None:
        """Forget what is still unsent."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _serve(self, call: Callable[[float], int], seconds: float) -> int:
        with self._access.checked(self._about):
            number = call(seconds)
        self._access.check(self._about)
        return number

    def _reported(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._about = f"write to topic {message.topic()}"
            self._access.note(error)
            self._failure = str(error)
