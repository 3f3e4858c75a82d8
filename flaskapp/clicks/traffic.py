"""Traffic on the shop: users register in its database, their clicks go to Kafka as Avro."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

from lakehouse.clock import Clock
from lakehouse.domains.clicks import names, world
from lakehouse.domains.clicks.world import Click, Visitor
from lakehouse.schema_registry import avro_schemas

TOGETHER_S = 10
SUBJECT = f"{names.TOPIC_EVENTS}-value"
SCHEMA: avro_schemas.Schema = {
    "type": "record",
    "name": "click",
    "fields": [
        {"name": "user_id", "type": "string"},
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "event", "type": "string"},
    ],
}


class Sender(Protocol):
    """What takes messages: a `Publisher`."""

    def send(self, topic: str, key: str | bytes | None, value: str | bytes) -> None:
        """Hand over one message."""
        ...

    def deliver(self) -> None:
        """Wait until all have been acknowledged."""
        ...


Write = Callable[[Mapping[str, Any]], bytes]
Crowd = Callable[[int], Sequence[Visitor]]
# Inserts the users that are drawn for the first free id: `shop.register`.
Register = Callable[[Crowd], Sequence[Visitor]]


class Registrar(Protocol):
    """What gives a schema its id: a `SchemaClient`."""

    def register(self, subject: str, schema: avro_schemas.Schema) -> int:
        """The id of the schema."""
        ...


@dataclass(frozen=True)
class Traffic:
    """How many users, which share of them are bots, for how long, until when, and the seed."""

    users: int = 200
    bot_share: float = 0.1
    minutes: float = 60.0
    minutes_ago: float = 0.0
    seed: int = 42

    def crowd(self, first_id: int) -> list[Visitor]:
        """The users, with ids from `first_id` on."""
        return world.visitors(self.users, self.bot_share, self.seed, first_id)


@dataclass(frozen=True)
class Sent:
    """What was sent, and the time of the last click."""

    users: int
    bots: int
    clicks: int
    last: datetime | None


def send(
    traffic: Traffic, register: Register, sender: Sender, registrar: Registrar, clock: Clock
) -> Sent:
    """Register the users and send their clicks of `minutes`, which end `minutes_ago`.

    Raises `ServiceError` when database, broker or registry do not answer.
    """
    crowd = register(traffic.crowd)
    length = timedelta(minutes=traffic.minutes)
    start = clock.now() - length - timedelta(minutes=traffic.minutes_ago)
    found = list(world.clicks(crowd, start, length, traffic.seed))
    send_clicks(found, sender, writer(registrar))
    return Sent(len(crowd), _bots(crowd), len(found), found[-1].ts if found else None)


def writer(registrar: Registrar) -> Write:
    """What makes a message of a click. Raises `ServiceError` without the registry."""
    return avro_schemas.writer(registrar.register(SUBJECT, SCHEMA), SCHEMA)


def send_clicks(clicks: Iterable[Click], sender: Sender, write: Write) -> None:
    """Send clicks that are in the order of their times, until the last is acknowledged.

    Clicks of ten seconds have arrived before the next are sent, so that however fast they are sent,
    none is overtaken in another partition by so much that it would be late.
    """
    for _, some in groupby(clicks, lambda click: click.ts.timestamp() // TOGETHER_S):
        for click in some:
            sender.send(names.TOPIC_EVENTS, click.user_id, write(asdict(click)))
        sender.deliver()


def _bots(crowd: Sequence[Visitor]) -> int:
    return sum(one.kind != "person" for one in crowd)
