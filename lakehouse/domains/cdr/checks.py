"""Counts that must agree, and the known reasons why they may not."""

from __future__ import annotations

from lakehouse.checks import (
    At,
    Check,
    Conflicts,
    Distinct,
    Held,
    Keys,
    Messages,
    Net,
    Number,
    OwnEvents,
    Sql,
    Sum,
    accepted_losses,
    past_retention,
)
from lakehouse.domains.cdr import contracts, names
from lakehouse.names import MYSQL_STREAMS

_STREAMS = f"SELECT stream_id FROM {MYSQL_STREAMS} WHERE domain = '{names.NAME}'"  # noqa: S608
_OUTCOMES = f"SELECT COUNT(*) FROM {names.MYSQL_OUTCOMES}"  # noqa: S608
_SCORED = Distinct(names.PREDICTIONS, contracts.PREDICTIONS.key)
_ID = "event_id"


def _since_champion(table: str) -> Distinct:
    """Subscriber-days, starting with the first day that the champion may score."""
    return Distinct(table, ("User", "Date"), since="Date", model=names.MODEL_NAME)


CHECKS = (
    Check("sent = stored in MySQL", At("sent"), At("mysql")),
    Check("outbox empty", At("outbox"), Number(0)),
    Check(
        "stored in MySQL = distinct events in the lake",
        At("mysql"),
        OwnEvents(names.TOPIC_EVENTS, _STREAMS),
        (accepted_losses(names.TOPIC_EVENTS),),
    ),
    Check(
        "in Kafka = bronze + quarantined",
        Messages(names.TOPIC_EVENTS),
        Held(names.TOPIC_EVENTS),
        (accepted_losses(names.TOPIC_EVENTS),),
    ),
    Check(
        "distinct in bronze = counted in silver",
        Distinct(names.BRONZE_EVENTS, (_ID,)),
        Sum(names.SILVER_DAILY, "events"),
        (
            Net(
                "event ids used twice",
                Conflicts(names.BRONZE_EVENTS, _ID, ("DP_MSISDN", "Date")),
                "events",
                missing="left",
            ),
        ),
    ),
    Check(
        "gold to score = scored",
        _since_champion(names.GOLD_FEATURES),
        _since_champion(names.PREDICTIONS),
    ),
    Check("scored = mirrored to MySQL", _SCORED, At("mysql predictions")),
    Check(
        "scored = mirrored to Kafka",
        _SCORED,
        Keys(names.TOPIC_PREDICTIONS),
        (past_retention(names.TOPIC_PREDICTIONS),),
    ),
    Check(
        "outcomes in MySQL = in the lake",
        Sql(_OUTCOMES),
        Distinct(names.BRONZE_OUTCOMES, contracts.CDR_OUTCOME.key),
        (
            accepted_losses(names.TOPIC_OUTCOMES),
            Net(
                f"refused, {names.TOPIC_OUTCOMES}",
                Distinct(names.QUARANTINE_OUTCOMES, contracts.QUARANTINE_OUTCOMES.key),
                "messages",
            ),
        ),
    ),
)
