"""Traffic on the shop: users become known, then their clicks go to Kafka as framed Avro."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from flaskapp.clicks import world
from flaskapp.clicks.world import Click, Visitor
from lakehouse.clock import Clock
from lakehouse.domains.clicks import names
from lakehouse.schema_registry import avro_schemas

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


class Registrar(Protocol):
    """What gives a schema its id: a `SchemaClient`."""

    def register(self, subject: str, schema: avro_schemas.Schema) -> int:
        """The id of the schema."""
        ...


@dataclass(frozen=True)
class Traffic:
    """How many users, which share of them are bots, for how long, and the seed of it all."""

    users: int = 200
    bot_share: float = 0.1
    minutes: float = 60.0
    seed: int = 42


@dataclass(frozen=True)
class Sent:
    """What was sent, and the time of the last click."""

    users: int
    bots: int
    clicks: int
    last: datetime | None


def send(traffic: Traffic, sender: Sender, registrar: Registrar, clock: Clock) -> Sent:
    """Send the users and the clicks of the last `minutes`, ending now.

    Raises `ServiceError` when broker or registry do not answer.
    """
    crowd = world.visitors(traffic.users, traffic.bot_share, traffic.seed)
    length = timedelta(minutes=traffic.minutes)
    found = list(world.clicks(crowd, clock.now() - length, length, traffic.seed))
    for visitor in crowd:
        sender.send(names.TOPIC_USERS, json.dumps({"id": visitor.id}), _change(visitor))
    write = avro_schemas.writer(registrar.register(SUBJECT, SCHEMA), SCHEMA)
    for click in found:
        sender.send(names.TOPIC_EVENTS, click.user_id, write(_record(click)))
    sender.deliver()
    return Sent(len(crowd), _bots(crowd), len(found), found[-1].ts if found else None)


def _bots(crowd: Sequence[Visitor]) -> int:
    return sum(one.kind != "person" for one in crowd)


def _record(click: Click) -> dict[str, Any]:
    return asdict(click)


def _change(visitor: Visitor) -> str:
    """The user as a change of the database, as its connector writes a row that it has read."""
    row = asdict(visitor)
    del row["kind"]
    return json.dumps({**row, "__deleted": "false", "__op": "r"})
