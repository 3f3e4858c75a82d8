"""The ledger: how many rows are at each station, and whether the stations agree.

A message has one home (bronze or quarantine), an event is counted once (silver), a scored row has
one prediction, and the mirrors hold what the lake holds.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from confluent_kafka import KafkaException

from lakehouse import kafka, mysql, store
from lakehouse.domains.cdr import names
from lakehouse.errors import CdrlakeError
from lakehouse.names import MYSQL_OUTBOX, MYSQL_STREAMS, table_uri
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Step:
    """One station of the flow; `count` is None while the station cannot be asked."""

    name: str
    count: int | None
    unit: str


@dataclass(frozen=True)
class Check:
    """Two counts that must be equal."""

    name: str
    left: int
    right: int

    @property
    def ok(self) -> bool:
        """Whether they are."""
        return self.left == self.right


@dataclass(frozen=True)
class Ledger:
    """Counts of all stations, and the checks between them (none in the quick form)."""

    steps: tuple[Step, ...]
    checks: tuple[Check, ...] = ()

    @property
    def balanced(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    def count(self, name: str) -> int:
        """Count of the station called `name`; 0 where it could not be asked."""
        return {step.name: step.count or 0 for step in self.steps}[name]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        checks = [asdict(check) | {"ok": check.ok} for check in self.checks]
        return {"steps": [asdict(step) for step in self.steps], "checks": checks}


STEPS = (
    ("sent", "rows"),
    ("mysql", "rows"),
    ("outbox", "rows"),
    ("kafka", "messages"),
    ("bronze", "rows"),
    ("quarantine", "messages"),
    ("silver", "subscriber-days"),
    ("gold", "subscriber-days"),
    ("predictions", "rows"),
    ("mysql predictions", "rows"),
    ("kafka predictions", "messages"),
    ("outcomes", "rows"),
)
_TABLES = {
    "bronze": names.BRONZE_EVENTS,
    "quarantine": names.QUARANTINE_EVENTS,
    "silver": names.SILVER_DAILY,
    "gold": names.GOLD_FEATURES,
    "predictions": names.PREDICTIONS,
    "outcomes": names.BRONZE_OUTCOMES,
}
_TOPICS = {"kafka": names.TOPIC_EVENTS, "kafka predictions": names.TOPIC_PREDICTIONS}


def snapshot(settings: Settings) -> Ledger:
    """Counts as cheap as they can be had, for pages that ask every second."""
    found: dict[str, int] = {}
    for ask in (_mysql_counts, _kafka_counts, _lake_counts):
        with suppress(CdrlakeError, KafkaException, mysql.Error, OSError, KeyError):
            found |= ask(settings)
    return Ledger(tuple(Step(name, found.get(name), unit) for name, unit in STEPS))


def _mysql_counts(settings: Settings) -> dict[str, int]:
    questions = {
        "sent": _SENT,
        "mysql": _STORED,
        "outbox": _WAITING,
        "mysql predictions": _MIRRORED,
    }
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        answers = {}
        for name, question in questions.items():
            cursor.execute(question)
            answers[name] = int(cursor.fetchone()[0])
        return answers


def _kafka_counts(settings: Settings) -> dict[str, int]:
    return {name: kafka.message_count(settings.kafka, topic) for name, topic in _TOPICS.items()}


def _lake_counts(settings: Settings) -> dict[str, int]:
    lake, options = settings.lake_uri, settings.lake_options
    uris = {name: table_uri(lake, table) for name, table in _TABLES.items()}
    return {name: store.count(uri, options) for name, uri in uris.items()}


def waiting(settings: Settings) -> int:
    """Rows in MySQL that the relay has not published yet."""
    return one(settings, _WAITING)


_SENT = f"SELECT COALESCE(SUM(sent_rows), 0) FROM {MYSQL_STREAMS}"  # noqa: S608
_STORED = f"SELECT COUNT(*) FROM {names.MYSQL_RAW}"  # noqa: S608
_WAITING = (
    "SELECT COALESCE(SUM(last_sequence - first_sequence + 1), 0) "  # noqa: S608
    f"FROM {MYSQL_OUTBOX}"
)
_MIRRORED = f"SELECT COUNT(*) FROM {names.MYSQL_PREDICTIONS}"  # noqa: S608


def rows(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    """Answer of a constant statement without parameters."""
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def one(settings: Settings, statement: str) -> int:
    """The one number that a statement answers."""
    return int(rows(settings, statement)[0][0])
