"""What a domain wants counted and compared: amounts, and checks between two of them.

These are plain values. `lakehouse.audit` knows how to evaluate each one against an installation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Number:
    """A fixed number."""

    value: int


@dataclass(frozen=True)
class At:
    """The count of the station with that name."""

    station: str


@dataclass(frozen=True)
class Sql:
    """The one number that a query of the database returns."""

    query: str


@dataclass(frozen=True)
class Distinct:
    """Distinct combinations of columns in a Delta table; 0 if there is no table.

    With `since`, a date or timestamp column, only the rows from the moment on at which the champion
    of `model` began to score; none before there is a champion.
    """

    table: str
    columns: tuple[str, ...]
    since: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Sum:
    """The sum of a column of a Delta table."""

    table: str
    column: str


@dataclass(frozen=True)
class Conflicts:
    """How often an id in a Delta table is reused for something else.

    An id that comes with three combinations of `columns` counts as two conflicts. A message
    repeated unchanged is not a conflict.
    """

    table: str
    id: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class OwnEvents:
    """Distinct events of a feed whose stream the database knows, wherever they ended up.

    An event id reads `<stream>:<sequence>`; `streams` is a query that returns the streams. Ids are
    looked for in bronze and in the text of refused messages.
    """

    topic: str
    streams: str


@dataclass(frozen=True)
class Messages:
    """Messages of a feed's topic: those still readable, and those ingested before they expired.

    Messages of aborted transactions and control records do not count.
    """

    topic: str


@dataclass(frozen=True)
class Held:
    """Messages of a feed's topic that bronze and quarantine hold, each counted once."""

    topic: str


@dataclass(frozen=True)
class Keys:
    """Distinct keys among the readable messages of a topic, without deletions."""

    topic: str


@dataclass(frozen=True)
class Expired:
    """Offsets of a topic that the broker no longer holds."""

    topic: str


@dataclass(frozen=True)
class Lost:
    """Offsets of a topic whose loss a person has accepted, as recorded in `ops.data_loss`."""

    topic: str


Amount = (
    Number
    | At
    | Sql
    | Distinct
    | Sum
    | Conflicts
    | OwnEvents
    | Messages
    | Held
    | Keys
    | Expired
    | Lost
)


@dataclass(frozen=True)
class Net:
    """A known reason for a difference: up to `amount` may be missing on one side of a check.

    It is an upper bound, because only offsets are on record, and an offset may have held a
    repetition or may have been sent again since.
    """

    name: str
    amount: Amount
    unit: str
    missing: Side = "right"


def accepted_losses(topic: str, missing: Side = "right") -> Net:
    """Messages of a topic that queries went on without because a person said so."""
    return Net(f"accepted losses, {topic}", Lost(topic), "messages", missing)


def past_retention(topic: str, missing: Side = "right") -> Net:
    """Messages of a topic that the broker no longer keeps."""
    return Net(f"past their retention, {topic}", Expired(topic), "messages", missing)


@dataclass(frozen=True)
class Check:
    """Two amounts that must be equal, apart from known reasons that are deducted."""

    name: str
    left: Amount
    right: Amount
    nets: tuple[Net, ...] = ()
