"""Publishing to Kafka so that it is known when everything has arrived."""

from __future__ import annotations

from confluent_kafka import KafkaException, Producer

from lakehouse.errors import ServiceError
from lakehouse.kafka import client_options
from lakehouse.settings.model import KafkaSettings

POLL_S = 0.1
DELIVER_S = 60.0


class Publisher:
    """An idempotent producer that knows whether everything handed to it was acknowledged.

    One that raised is in order again: what was not acknowledged has to be sent once more.
    """

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
        self._where = f"Kafka at {kafka.bootstrap_servers}"
        self._producer = Producer(client_options(kafka) | options)
        self._failure: str | None = None

    def send(self, topic: str, key: str | bytes | None, value: str | bytes) -> None:
        """Hand over one message; waits while the queue is full.

        Raises `ServiceError` for a message that the client refuses, such as one that is too large.
        """
        while True:
            try:
                self._producer.produce(topic, value, key)
                return
            except BufferError:
                self._producer.poll(POLL_S)
            except KafkaException as error:
                raise self._error(str(error)) from error

    def flush(self, seconds: float) -> int:
        """Wait for acknowledgements; the number of messages that have none yet.

        Raises `ServiceError` when the broker refused one or it grew too old.
        """
        left = int(self._producer.flush(seconds))
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise self._error(failure)
        return left

    def deliver(self, seconds: float = DELIVER_S) -> None:
        """Wait until every message is acknowledged.

        Raises `ServiceError` when one was refused, or when the time is over; then nothing of what
        is still unsent will be sent later.
        """
        try:
            left = self.flush(seconds)
        except ServiceError:
            self.drop()
            raise
        if left:
            self.drop()
            raise self._error(f"none for {left} after {seconds:g} s")

    def drop(self) -> None:
        """Forget what is still unsent."""
        self._producer.purge()
        self._producer.flush(1.0)
        self._failure = None

    def _error(self, got: str) -> ServiceError:
        needed = "an acknowledgement of every message"
        return ServiceError(self._where, needed, got, "check the broker; it is safe to send again")

    def _failed(self, error: object, _message: object) -> None:
        if error is not None:
            self._failure = str(error)
