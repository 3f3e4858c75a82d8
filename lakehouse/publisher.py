"""The only way messages get to Kafka, so that we know when all of them have arrived."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from lakehouse.errors import ServiceError, TooLargeError
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
POLL_S = 0.1
DELIVER_S = 60.0
# A refusal is noticed between two of these, and not only when the whole wait is over.
_SLICE_S = 0.5


class Publisher:
    """An idempotent producer that knows whether everything handed to it was acknowledged.

    After it has raised, it can be used again: whatever was not acknowledged has to be sent again.
    Every method raises `AccessError` when the broker refuses this client.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._topic = kafka.topic
        self._where = f"Kafka at {kafka.bootstrap_servers}"
        self._access = Access(kafka)
        self._producer = Producer(self._access.options | OPTIONS | {"on_delivery": self._reported})
        self._failure: KafkaError | None = None
        self._about: str | None = None

    def send(self, topic: str, key: str | bytes | None, value: str | bytes) -> None:
        """Hand over one message; waits while the queue is full.

        Raises `ServiceError` for a message that the client refuses, and `TooLargeError` for one
        that is too large.
        """
        while True:
            try:
                self._producer.produce(self._topic(topic), value, key)
                return
            except BufferError:
                self._serve(self._producer.poll, POLL_S)
            except KafkaException as error:
                raise self._refused(error.args[0]) from error

    def flush(self, seconds: float) -> int:
        """Wait for acknowledgements; returns the number of messages without one.

        Raises `ServiceError` when the broker refused a message or it expired, and `TooLargeError`
        when one is too large for the broker, whichever it is.
        """
        self._serve(self._producer.poll, 0)
        left = len(self._producer)
        while left and seconds > 0:
            left = self._serve(self._producer.flush, min(_SLICE_S, seconds))
            seconds -= _SLICE_S
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise self._refused(failure)
        return left

    def deliver(self, seconds: float = DELIVER_S) -> None:
        """Wait until every message is acknowledged.

        Raises as `flush` does, and `ServiceError` when time runs out; messages still unsent are
        then dropped and will not be sent later.
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
        """Drop whatever is still unsent."""
        self._producer.purge()
        self._producer.flush(1.0)
        self._failure = None

    def _serve(self, call: Callable[[float], int], seconds: float) -> int:
        with self._access.checked(self._about):
            number = call(seconds)
        self._access.check(self._about)
        return number

    def _reported(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._about = f"write to topic {message.topic()}"
            self._access.note(error)
            self._failure = error

    def _refused(self, error: KafkaError) -> ServiceError:
        if error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            return self._error(str(error))
        do = "send less in a message, or let the topic take more (max.message.bytes)"
        return TooLargeError(self._where, "a message that it takes", str(error), do)

    def _error(self, got: str) -> ServiceError:
        needed = "an acknowledgement of every message"
        return ServiceError(self._where, needed, got, "check the broker; it is safe to send again")
