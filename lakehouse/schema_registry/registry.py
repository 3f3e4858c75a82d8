"""The embedded registry: subjects with versions of schemas, kept in a compacted Kafka topic.

What is registered is a message of that topic; reading it from its beginning gives the registry
again. One process writes it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from confluent_kafka import Message

from lakehouse import kafka
from lakehouse.domain import Topic
from lakehouse.errors import ContractError
from lakehouse.publisher import Publisher
from lakehouse.schema_registry import avro_schemas, compatibility
from lakehouse.settings.kafka import KafkaSettings

TOPIC = Topic("_schemas", partitions=1, compacted=True)
LEVELS = ("BACKWARD", "FORWARD", "FULL", "NONE")
LEVEL = "BACKWARD"


class IncompatibleError(ContractError):
    """A schema that cannot read what the one before has written, or the other way round."""


class Log(Protocol):
    """Where registrations are kept, in order."""

    def read(self, visit: Callable[[dict[str, Any]], None]) -> None:
        """Call `visit` with each registration, the oldest first."""
        ...

    def append(self, entry: dict[str, Any]) -> None:
        """Keep a registration; it is durable when this returns."""
        ...


class KafkaLog:
    """Registrations in the topic `_schemas`, one key for each."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        kafka.create_topics(settings, [TOPIC])
        self._publisher = Publisher(settings)

    def read(self, visit: Callable[[dict[str, Any]], None]) -> None:
        """Call `visit` with each registration, the oldest first."""

        def take(message: Message) -> None:
            value = message.value()
            if value is not None:
                visit(json.loads(value))

        kafka.read_all(self._settings, TOPIC.name, take)

    def append(self, entry: dict[str, Any]) -> None:
        """Keep a registration. Raises `ServiceError` when the broker does not take it."""
        key = f"{entry['subject']}:{entry.get('version', 'level')}"
        self._publisher.send(TOPIC.name, key, json.dumps(entry))
        self._publisher.deliver()


@dataclass(frozen=True)
class Registered:
    """A version of a subject's schema."""

    subject: str
    version: int
    id: int
    schema: str


@dataclass
class SchemaRegistry:
    """Subjects, versions and ids; safe to share between threads. The same schema has one id.

    What is known can be asked for while a registration waits for the log.
    """

    log: Log
    _versions: dict[str, list[Registered]] = field(default_factory=dict)
    _ids: dict[str, int] = field(default_factory=dict)
    _levels: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.log.read(self._note)

    def subjects(self) -> list[str]:
        """Names of the subjects."""
        with self._lock:
            return sorted(self._versions)

    def versions(self, subject: str) -> list[Registered]:
        """Versions of a subject, the oldest first; empty for an unknown one."""
        with self._lock:
            return list(self._versions.get(subject, []))

    def by_id(self, number: int) -> str | None:
        """The schema with that id."""
        with self._lock:
            return next((text for text, one in self._ids.items() if one == number), None)

    def find(self, subject: str, schema: str) -> Registered | None:
        """The version of a subject that is this schema."""
        text = avro_schemas.canonical(json.loads(schema))
        return next((one for one in self.versions(subject) if one.schema == text), None)

    def register(self, subject: str, schema: str) -> Registered:
        """The version of a schema, which is registered at need.

        Raises `ContractError` for what is no schema, and `IncompatibleError`.
        """
        avro_schemas.parse(schema)
        text = avro_schemas.canonical(json.loads(schema))
        found = self.find(subject, text)
        if found is not None:
            return found
        with self._writing:  # by now another thread may have registered it
            return self.find(subject, text) or self._append(subject, text)

    def _append(self, subject: str, text: str) -> Registered:
        told = self.problems(subject, text)
        if told:
            raise IncompatibleError.sentence(
                f"The schema is not {self.level(subject)} compatible with the one before: "
                f"{'; '.join(told)}."
            )
        number = self._ids.get(text, max(self._ids.values(), default=0) + 1)
        last = max((one.version for one in self.versions(subject)), default=0)
        entry = {"subject": subject, "version": last + 1, "id": number, "schema": text}
        self.log.append(entry)
        self._note(entry)
        return self.versions(subject)[-1]

    def problems(self, subject: str, schema: str) -> list[str]:
        """Why a schema may not follow the last one of its subject; empty if it may.

        Raises `ContractError` for what is no schema.
        """
        avro_schemas.parse(schema)
        before, level = self.versions(subject), self.level(subject)
        if not before or level == "NONE":
            return []
        new, old = json.loads(schema), json.loads(before[-1].schema)
        told = compatibility.problems(new, old) if level in ("BACKWARD", "FULL") else []
        return told + (compatibility.problems(old, new) if level in ("FORWARD", "FULL") else [])

    def level(self, subject: str = "") -> str:
        """The compatibility that a subject asks for, or else that of the registry."""
        with self._lock:
            return self._levels.get(subject) or self._levels.get("") or LEVEL

    def set_level(self, level: str, subject: str = "") -> None:
        """Ask for another compatibility from now on. Raises `ContractError` for an unknown one."""
        if level not in LEVELS:
            raise ContractError("compatibility", f"one of {', '.join(LEVELS)}", level, "choose one")
        with self._writing:
            entry = {"subject": subject, "level": level}
            self.log.append(entry)
            self._note(entry)

    def _note(self, entry: dict[str, Any]) -> None:
        with self._lock:
            if "level" in entry:
                self._levels[entry["subject"]] = entry["level"]
                return
            one = Registered(**entry)
            self._ids[one.schema] = one.id
            self._versions.setdefault(one.subject, []).append(one)
