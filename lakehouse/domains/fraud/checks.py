"""Counts that must agree, and the known reasons why they may not."""

from __future__ import annotations

from lakehouse.checks import (
    At,
    Check,
    Distinct,
    Held,
    Keys,
    Messages,
    Net,
    OwnEvents,
    accepted_losses,
    past_retention,
)
from lakehouse.domains.fraud import names
from lakehouse.names import MYSQL_STREAMS

_STREAMS = f"SELECT stream_id FROM {MYSQL_STREAMS} WHERE domain = '{names.NAME}'"  # noqa: S608
_ID = ("message_id",)
_SCORED = Distinct(names.PREDICTIONS, _ID)
_JOINED = Distinct(names.JOINED, _ID)


CHECKS = (
    Check(
        "sent = distinct events in the lake",
        At("sent"),
        OwnEvents(names.TOPIC_EVENTS, _STREAMS),
        (accepted_losses(names.TOPIC_EVENTS),),
    ),
    Check(
        "events in Kafka = bronze + quarantined",
        Messages(names.TOPIC_EVENTS),
        Held(names.TOPIC_EVENTS),
        (accepted_losses(names.TOPIC_EVENTS),),
    ),
    Check("distinct events = scored", Distinct(names.BRONZE_EVENTS, _ID), _SCORED),
    Check("each scored once", _SCORED, At("predictions")),
    Check("scored = mirrored to MySQL", _SCORED, At("mysql predictions")),
    Check(
        "scored = published",
        _SCORED,
        Keys(names.TOPIC_PREDICTIONS),
        (past_retention(names.TOPIC_PREDICTIONS),),
    ),
    Check(
        "truth in Kafka = bronze + quarantined",
        Messages(names.TOPIC_TRUTH),
        Held(names.TOPIC_TRUTH),
        (accepted_losses(names.TOPIC_TRUTH),),
    ),
    Check(
        "events with truth = joined",
        Distinct(names.BRONZE_TRUTH, _ID),
        _JOINED,
        (
            Net("truth that waits for its event", At("truth waiting"), "events"),
            Net("truth whose event never came", At("truth refused"), "messages"),
        ),
    ),
    Check("each joined once", _JOINED, At("joined")),
    Check("joined = mirrored to MySQL", _JOINED, At("mysql joined")),
    Check(
        "joined = published",
        _JOINED,
        Keys(names.TOPIC_JOINED),
        (past_retention(names.TOPIC_JOINED),),
    ),
)
