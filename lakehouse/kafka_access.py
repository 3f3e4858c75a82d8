"""Tells a broker that denies access from one that is down.

When a password or a certificate is refused, librdkafka retries forever: the reason arrives through
the error callback, everything else just times out. `Access` keeps the reason for whoever is
waiting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from lakehouse.errors import AccessError, ServiceError
from lakehouse.kafka_options import librdkafka_options
from lakehouse.settings.kafka import KafkaSettings

_CREDENTIALS = (
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.ILLEGAL_SASL_STATE,
)
_TLS = KafkaError._SSL
# What is forbidden, where nobody knows better. The cluster itself is what refuses a producer that
# may not write to any topic.
_RIGHTS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "use the topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "use the consumer group cdrlake-reader",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "write to any topic",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "use transactions",
}
# Where and when librdkafka met an error, around what it met.
_PLACE = re.compile(r"^\w+://\S+: | \(after \d+ms in state \w+\)|\.+$")


class Access:
    """Watches one client: pass `options` to the client, and `check` raises what was refused."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._refused: KafkaError | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Options that every client shares.

        Clients report an unreachable broker through their calls; their own log would repeat it
        twenty times a second.
        """
        return {"log_level": 0, **librdkafka_options(self._kafka), "error_cb": self.note}

    def note(self, error: KafkaError | None) -> None:
        """Remember what a callback, a message or an answer says, if it is a refusal."""
        if error is not None and is_refusal(error):
            self._refused = error

    def check(self, about: str | None = None) -> None:
        """Raise `AccessError` for the last refusal, once; `about` names the attempted action."""
        refused, self._refused = self._refused, None
        if refused is not None:
            text = _sentence(self._kafka, refused, about)
            raise AccessError.sentence(text, where="kafka.security")

    @contextmanager
    def checked(
        self, about: str | None = None, serve: Callable[[], object] = lambda: None
    ) -> Iterator[None]:
        """Raise `AccessError` in place of the failure that a refusal leads to.

        `serve` lets the client run its callbacks, for clients that only do so when polled.
        """
        try:
            yield
        except (KafkaException, TimeoutError, ServiceError, SystemError) as error:
            cause = error.__cause__
            for one in (error, cause):
                if isinstance(one, KafkaException):
                    self.note(one.args[0])
            serve()
            self.check(about or _about(error))
            if isinstance(error, SystemError) and isinstance(cause, KafkaException):
                # The binding ran a callback with the exception of a fatal error already set.
                raise cause from None
            raise


def is_refusal(error: KafkaError) -> bool:
    """Whether the broker was reached and denies access, so that retrying is pointless."""
    code = error.code()
    return code == _TLS or code in _CREDENTIALS or code in _RIGHTS


def _about(error: BaseException) -> str | None:
    where = error.where if isinstance(error, ServiceError) else ""
    return f"use {where}" if where.startswith("topic ") else None


def _sentence(kafka: KafkaSettings, error: KafkaError, about: str | None) -> str:
    place, security, reason = kafka.bootstrap_servers, kafka.security, _PLACE.sub("", error.str())
    if error.code() == _TLS:
        return (
            f"No TLS connection to Kafka at {place}: {reason}; "
            "correct kafka.security.ca_file, certificate_file or protocol."
        )
    if error.code() in _CREDENTIALS:
        return (
            f"Kafka at {place} refuses user {security.username!r} with {security.mechanism}: "
            f"{reason}; correct kafka.security.username, password or mechanism."
        )
    is_group = error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    what = _RIGHTS[error.code()] if is_group or about is None else about
    return (
        f"Kafka at {place} does not let user {security.username!r} {what}: {reason}; "
        "grant that user the right, or name another one in kafka.security.username."
    )
