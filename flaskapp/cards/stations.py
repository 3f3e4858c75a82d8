"""How far each stage is behind, and which parts are away on purpose."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Annotated

from confluent_kafka import Consumer, KafkaException, TopicPartition
from flask import Blueprint, Response, request
from msgspec import Meta, Struct

from flaskapp.cards.unsent import Unsent
from lakehouse import kafka, outages
from lakehouse.background import Background
from lakehouse.clock import Clock
from lakehouse.domains.cards import names
from lakehouse.domains.settings import Settings
from lakehouse.errors import CdrlakeError
from lakehouse.http import answers, requests
from lakehouse.http.operations import Error, Operation, operation

UNSENT = "unsent"
STAGES = {
    UNSENT: "source → topic_1",
    names.GROUP_DOOR: "topic_1 → topic_2",
    names.GROUP_RECORD: "topic_2 → database",
    names.GROUP_ALARMS: "topic_2 → alarms",
}
# Which parts can be taken away, and what goes on without them.
PARTS = {
    "cards-source": ("Source", "everything already on topic_1 is decided"),
    "kafka": ("Broker", "the producer keeps transactions on its disk"),
    "cards-door": ("Decisions", "transactions wait on topic_1"),
    "mysql": ("Database", "decisions and alarms go on; rows wait on topic_2"),
    "cards-alarms": ("Alarms", "decisions go on; alarms wait on topic_2"),
}
FRESH_S, TIMEOUT_S = 1.0, 10.0
_TOPICS = {
    names.GROUP_DOOR: names.TOPIC_TRANSACTIONS,
    names.GROUP_RECORD: names.TOPIC_DECISIONS,
    names.GROUP_ALARMS: names.TOPIC_DECISIONS,
}


class Stage(Struct, frozen=True):
    """A stage, and how many messages it has still to handle; null while nobody can tell."""

    title: str
    waiting: int | None


class Part(Struct, frozen=True):
    """A part that can be taken away, and what goes on without it."""

    name: str
    title: str
    without: str
    is_away: bool


class Stations(Struct, frozen=True):
    """All stages; and the parts, none unless the setting `cards.outage_buttons` allows it."""

    stages: list[Stage]
    parts: list[Part]


class Change(Struct, frozen=True, forbid_unknown_fields=True):
    """A part that is to be away, or to be back."""

    name: Annotated[str, Meta(max_length=64)]
    is_away: bool


def lags(settings: Settings) -> dict[str, int]:
    """Messages on a topic that each stage has still to read.

    Raises `KafkaException` while the broker does not answer.
    """
    return {group: _lag(settings, group, topic) for group, topic in _TOPICS.items()}


def waiting(settings: Settings) -> dict[str, int | None]:
    """Messages that each stage has still to handle; None for what cannot be asked now."""
    found: dict[str, int | None] = dict.fromkeys(STAGES)
    path = settings.state / "cards" / "unsent.db"
    try:
        if path.exists():
            with closing(Unsent(path)) as unsent:
                found[UNSENT] = len(unsent)
        found.update(lags(settings))
    except (sqlite3.Error, KafkaException, CdrlakeError, KeyError):
        pass  # the page says that it is not known
    return found


def blueprint(settings: Settings, clock: Clock) -> Blueprint:
    """The routes of the stages and of the parts."""
    api = Blueprint("stations", __name__)
    known = Background(lambda: waiting(settings), dict.fromkeys(STAGES), clock, FRESH_S, FRESH_S)

    @api.get("/stations")
    @operation(Operation("How far each stage is behind, and what is away", Stations))
    def stations() -> Stations:
        left = known.get()
        return Stations([Stage(STAGES[one], left[one]) for one in STAGES], parts(settings))

    @api.post("/parts")
    @operation(Operation("Take a part away, or bring it back", Part, body=(Change,),
                         errors={404: Error}, acts=True))  # fmt: skip
    def change() -> Part | Response:
        given = requests.build(Change, requests.parse_object(request.get_data()))
        if given.name not in {one.name for one in parts(settings)}:
            return answers.error("there is no such part that may be taken away", 404)
        act = outages.take_away if given.is_away else outages.bring_back
        act(settings.state, given.name)
        return next(one for one in parts(settings) if one.name == given.name)

    return api


def parts(settings: Settings) -> list[Part]:
    """The parts that may be taken away here."""
    if not settings.cards.outage_buttons:
        return []
    away = outages.away(settings.state)
    return [Part(name, *said, name in away) for name, said in PARTS.items()]


def _lag(settings: Settings, group: str, topic: str) -> int:
    ends = kafka.offset_ranges(settings.kafka, topic)
    consumer = Consumer(kafka.client_options(settings.kafka) | {"group.id": group})
    try:
        wanted = [TopicPartition(settings.kafka.topic(topic), number) for number in ends]
        found = consumer.committed(wanted, TIMEOUT_S)
        return sum(
            max(ends[one.partition][1] - max(one.offset, ends[one.partition][0]), 0)
            for one in found
        )
    finally:
        consumer.close()
