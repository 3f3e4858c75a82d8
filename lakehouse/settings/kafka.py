"""The section `kafka`: which broker to use, and how to talk to it."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from lakehouse.settings.section import Section

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
# The two client libraries spell these differently, so that one option cannot serve both.
TRANSLATED = ("sasl.", "ssl.", "security.", "enable.ssl.")


class SecuritySettings(Section):
    """How clients prove who they are to the broker, and check that it is the right one.

    SASL needs a mechanism, a username and a password. TLS trusts the system's certificate
    authorities, or only those in `ca_file`; `certificate_file` and `key_file` are the client's own.
    All files are PEM, with the key as PKCS #8; certificate and key may be in one file.
    """

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism | None = None
    username: str | None = Field(None, min_length=1)
    password: SecretStr | None = Field(None, min_length=1)
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    key_password: SecretStr | None = None
    check_hostname: bool = True

    @property
    def uses_sasl(self) -> bool:
        """Whether a username and a password are required."""
        return self.protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol.endswith("SSL")

    @model_validator(mode="after")
    def _goes_together(self) -> SecuritySettings:
        self._all_or_none("SASL_SSL or SASL_PLAINTEXT", self.uses_sasl, _SASL)
        if not self.uses_tls:
            self._all_or_none("SSL or SASL_SSL", False, _TLS)
        if (self.certificate_file is None) != (self.key_file is None):
            missing = "key_file" if self.key_file is None else "certificate_file"
            raise ValueError(f"certificate_file and key_file go together; {missing} is missing")
        if self.key_password is not None and self.key_file is None:
            raise ValueError("key_password opens key_file, which is missing")
        return self

    def _all_or_none(self, protocols: str, wanted: bool, names: tuple[str, ...]) -> None:
        for name in names:
            if wanted and getattr(self, name) is None:
                raise ValueError(
                    f"protocol {self.protocol} needs {name}, which is missing{_HINTS.get(name, '')}"
                )
            if not wanted and getattr(self, name) is not None:
                raise ValueError(f"{name} needs protocol {protocols}, but it is {self.protocol}")


_UNDEFINED = ". The SASL_USERNAME or SASL_PASSWORD environment variables are not defined"
_HINTS = {"username": _UNDEFINED, "password": _UNDEFINED}
_SASL = ("mechanism", "username", "password")
_TLS = ("ca_file", "certificate_file", "key_file", "key_password")


class KafkaSettings(Section):
    """The broker, either embedded or your own.

    Your own brokers are given by `host` and `port`, by the list `bootstrap`, or by another client's
    file `client_properties`. `options` are passed to every client unchanged, `librdkafka_options`
    only to the Python services' clients, and `java_options` only to Spark's and Kafka Connect's.
    Topics are created with `retention_days`; without it they keep their messages forever, so that
    the lake can be rebuilt from them. `topics` has the names that topics have on your broker, where
    these differ, and `topic_partitions` their numbers of partitions, both by the name used here.
    """

    embedded: bool = True
    host: str = "127.0.0.1"
    port: int = Field(19092, ge=1, le=65535)
    bootstrap: tuple[str, ...] = ()
    client_properties: str | None = None
    security: SecuritySettings = SecuritySettings()
    controller_port: int = Field(19093, ge=1, le=65535)
    partitions: int = Field(2, ge=1)
    topics: dict[str, str] = {}
    topic_partitions: dict[str, int] = {}
    retention_days: float | None = Field(None, gt=0)
    heap_mb: int = Field(384, ge=256)
    options: dict[str, SecretStr] = {}
    librdkafka_options: dict[str, SecretStr] = {}
    java_options: dict[str, SecretStr] = {}

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` of the broker, or of several separated by commas."""
        return ",".join(self.bootstrap) or f"{self.host}:{self.port}"

    def topic(self, name: str) -> str:
        """What the topic is called on the broker."""
        return self.topics.get(name, name)

    @field_validator("topics")
    @classmethod
    def _are_topics(cls, topics: dict[str, str]) -> dict[str, str]:
        for name in topics.values():
            if not _TOPIC.fullmatch(name) or name in (".", ".."):
                raise ValueError(f"{name[:60]!r} cannot be the name of a topic")
        if len(set(topics.values())) < len(topics):
            raise ValueError("two topics have the same name on the broker")
        return topics

    @field_validator("topic_partitions")
    @classmethod
    def _are_counts(cls, counts: dict[str, int]) -> dict[str, int]:
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"topic {name} needs at least one partition")
        return counts

    @field_validator("bootstrap", mode="before")
    @classmethod
    def _as_a_list(cls, value: Any) -> Any:
        return [one.strip() for one in value.split(",")] if isinstance(value, str) else value

    @field_validator("bootstrap")
    @classmethod
    def _are_places(cls, places: tuple[str, ...]) -> tuple[str, ...]:
        for place in places:
            host, _, port = place.rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) < 65536:
                raise ValueError(f"{place[:60]!r} is not host:port")
        return places

    @field_validator("options")
    @classmethod
    def _are_common(cls, options: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name in options:
            if name.startswith(TRANSLATED):
                raise ValueError(
                    f"'{name}' is spelled differently by the two Kafka clients; use kafka.security,"
                    " or kafka.librdkafka_options and kafka.java_options"
                )
            if name == "bootstrap.servers":
                raise ValueError("'bootstrap.servers' is the setting kafka.bootstrap")
        return options

    @model_validator(mode="after")
    def _embedded_is_plain(self) -> KafkaSettings:
        foreign = {
            "bootstrap": bool(self.bootstrap),
            "client_properties": self.client_properties is not None,
            "security": self.security.protocol != "PLAINTEXT",
        }
        named = [f"kafka.{name}" for name, is_set in foreign.items() if is_set]
        if self.embedded and named:
            raise ValueError(
                f"{' and '.join(named)} describe a broker of your own, but kafka.embedded is true;"
                " set kafka.embedded to false"
            )
        return self
