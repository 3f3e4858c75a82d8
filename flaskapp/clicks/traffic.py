"""Traffic on the shop: users register in its database, their clicks go to Kafka as Avro."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

from lakehouse.clock import Clock
from lakehouse.domains.clicks import names, world
from lakehouse.domains.clicks.world import Click, Visitor
from lakehouse.schema_registry import avro_schemas

TOGETHER = timedelta(seconds=10)
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

    Clicks of ten seconds have arrived before the next are sent, so that however fast they are sent,
    none is overtaken in another partition by so much that it would be late.
    Raises `ServiceError` when database, broker or registry do not answer.
    """
    crowd = register(
        lambda first_id: world.visitors(traffic.users, traffic.bot_share, traffic.seed, first_id)
    )
    length = timedelta(minutes=traffic.minutes)
    start = clock.now() - length - timedelta(minutes=traffic.minutes_ago)
    found = list(world.clicks(crowd, start, length, traffic.seed))
    write = avro_schemas.writer(registrar.register(SUBJECT, SCHEMA), SCHEMA)
    for _, some in groupby(found, lambda click: (click.ts - start) // TOGETHER):
        for click in some:
            sender.send(names.TOPIC_EVENTS, click.user_id, write(_record(click)))
        sender.deliver()
    return Sent(len(crowd), _bots(crowd), len(found), found[-1].ts if found else None)


def _bots(crowd: Sequence[Visitor]) -> int:
    return sum(one.kind != "person" for one in crowd)


def _record(click: Click) -> dict[str, Any]:
    return asdict(click)
