"""The ledger: how many rows are at each station of a domain, and whether the stations agree.

A message ends up in exactly one place (bronze or quarantine), an event is counted once, a scored
row has one prediction, and the mirrors hold what the lake holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from confluent_kafka import KafkaException

from lakehouse import kafka, mysql, store
from lakehouse.checks import Side
from lakehouse.domain import Domain, Station
from lakehouse.errors import CdrlakeError
from lakehouse.names import MYSQL_OUTBOX, table_uri
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Step:
    """One station of the flow; `count` is None while the station cannot be reached."""

    name: str
    count: int | None
    unit: str


@dataclass(frozen=True)
class Netted:
    """A known reason for a difference: `count` are missing on one side, at most `recorded`."""

    name: str
    count: int
    recorded: int
    unit: str
    missing: Side


@dataclass(frozen=True)
class Comparison:
    """Two counts that must be equal, apart from known reasons that are deducted."""

    name: str
    left: int
    right: int
    netted: tuple[Netted, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether they are equal."""
        missing = {side: sum(n.count for n in self.netted if n.missing == side) for side in _SIDES}
        return self.left + missing["left"] == self.right + missing["right"]


_SIDES: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True)
class Note:
    """Something that the counts alone do not show: `count` out of `of` units, with examples."""

    name: str
    count: int
    unit: str
    of: int | None = None
    detail: str = ""

    @property
    def share(self) -> float | None:
        """`count` as a share of `of`; None if there is no whole."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True)
class Ledger:
    """Counts of all stations, the comparisons (none in the quick form), and notes on them."""

    steps: tuple[Step, ...]
    checks: tuple[Comparison, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def balanced(self) -> bool:
        """Whether every comparison holds."""
        return all(check.ok for check in self.checks)

    def count(self, name: str) -> int:
        """Count of the station called `name`; 0 if it could not be reached."""
        return {step.name: step.count or 0 for step in self.steps}[name]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "steps": [asdict(step) for step in self.steps],
            "checks": [asdict(check) | {"ok": check.ok} for check in self.checks],
            "notes": [asdict(note) | {"share": note.share} for note in self.notes],
        }


def unknown(domain: Domain) -> Ledger:
    """The ledger before anything was counted."""
    return Ledger(tuple(Step(station.name, None, station.unit) for station in domain.stations))


def snapshot(settings: Settings, domain: Domain) -> Ledger:
    """The cheapest possible counts, for pages that ask every second.

    The count of a topic comes from its end offsets, so it includes transaction markers and expired
    messages; `lakehouse.audit` counts exactly.
    """
    counts = _Counts(settings)
    found: dict[str, int] = {}
    for kind, ask in (("sql", counts.queries), ("topic", counts.topics), ("table", counts.tables)):
        stations = [station for station in domain.stations if station.kind == kind]
        with suppress(*UNAVAILABLE):
            found |= ask(stations)
    notes: tuple[Note, ...] = ()
    with suppress(*UNAVAILABLE):
        notes = quarantined(settings, domain)
    steps = tuple(replace(step, count=found.get(step.name)) for step in unknown(domain).steps)
    return Ledger(steps, notes=notes)


UNAVAILABLE = (CdrlakeError, KafkaException, mysql.Error, OSError, KeyError)


def snapshot_of_all(settings: Settings, domains: Sequence[Domain]) -> Ledger:
    """The cheapest counts of several domains in one.

    The steps of all but the first domain carry its name; such a domain is left out while it is
    empty, because nobody runs it.
    """
    first, *others = domains
    found = snapshot(settings, first)
    steps, notes = [*found.steps], [*found.notes]
    for domain in others:
        found = snapshot(settings, domain)
        if any(step.count for step in found.steps):
            steps += [replace(step, name=f"{domain.name} {step.name}") for step in found.steps]
            notes += found.notes
    return Ledger(tuple(steps), notes=tuple(notes))


class _Counts:
    """Counts of the stations of one kind."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def queries(self, stations: Iterable[Station]) -> dict[str, int]:
        """Answers from the database, over one connection."""
        with mysql.connect(self._settings.mysql) as connection, connection.cursor() as cursor:
            answers = {}
            for station in stations:
                cursor.execute(station.of)
                answers[station.name] = int(cursor.fetchone()[0])
            return answers

    def topics(self, stations: Iterable[Station]) -> dict[str, int]:
        """Offsets that the topics have assigned."""
        return self._each(stations, lambda of: kafka.message_count(self._settings.kafka, of))

    def tables(self, stations: Iterable[Station]) -> dict[str, int]:
        """Row counts of the tables."""
        return self._each(stations, lambda of: rows_of(self._settings, of))

    @staticmethod
    def _each(stations: Iterable[Station], ask: Callable[[str], int]) -> dict[str, int]:
        return {station.name: ask(station.of) for station in stations}


def quarantined(settings: Settings, domain: Domain) -> tuple[Note, ...]:
    """For each feed, how many of the ingested messages are in quarantine."""
    notes = []
    for feed in domain.feeds:
        bad = rows_of(settings, feed.quarantine.name)
        total = bad + rows_of(settings, feed.bronze.name)
        notes.append(Note(f"in quarantine, {feed.topic}", bad, "messages", total))
    return tuple(notes)


def rows_of(settings: Settings, table: str) -> int:
    """Number of rows in a Delta table; 0 if there is no table."""
    return store.count(table_uri(settings.lake_uri, table), settings.lake_options)


def waiting(settings: Settings) -> int:
    """Rows in MySQL that the relay has not published yet."""
    return one(settings, WAITING)


WAITING = (
    "SELECT COALESCE(SUM(last_sequence - first_sequence + 1), 0) "  # noqa: S608
    f"FROM {MYSQL_OUTBOX}"
)


def rows(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    """Result of a constant statement without parameters."""
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def one(settings: Settings, statement: str) -> int:
    """The single number that a statement returns."""
    return int(rows(settings, statement)[0][0])
