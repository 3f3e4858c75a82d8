"""What a domain declares about itself, for the shared code to work from.

A `Domain` is one frozen value: no engine, no I/O, no settings. A field belongs here only if two
shared modules read it; transforms, recipes and routes stay plain functions in the domain's folders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lakehouse.checks import Check
from lakehouse.contracts import Contract, published
from lakehouse.names import QueryIdentity
from lakehouse.services import Page, Service


@dataclass(frozen=True)
class Topic:
    """A Kafka topic; with `partitions` None the installation's setting applies.

    `retention_ms` -1 keeps messages forever.
    """

    name: str
    partitions: int | None = None
    retention_ms: int = -1
    compacted: bool = False


@dataclass(frozen=True)
class Feed:
    """A topic, the contract of its messages, and the two tables that they end up in.

    `event_time` names the field with the time of the event, and `event_date` the bronze column that
    gets its calendar date in the installation's timezone; a message too far behind the latest date
    is rejected. `entity` names the field that says whom the event is about, and `event_id` the one
    that identifies repeated events. In each pair in `ordered`, the second field's value must come
    after the first's. If ingest is given a list of known entities, all others are rejected with the
    reason `unknown_reason`.
    """

    identity: QueryIdentity
    topic: str
    message: Contract
    bronze: Contract
    quarantine: Contract
    event_time: str | None = None
    event_date: str | None = None
    entity: str | None = None
    event_id: str | None = None
    ordered: tuple[tuple[str, str], ...] = ()
    unknown_reason: str = "unknown_entity"


@dataclass(frozen=True)
class Outcomes:
    """The table of actual outcomes.

    `entity`, `time` and `label` name its columns. Of several outcomes for the same entity and time,
    the greatest by `order` counts.
    """

    table: Contract
    entity: str
    time: str
    label: str
    order: tuple[str, ...]


@dataclass(frozen=True)
class Slices:
    """Attributes of entities by which monitoring slices its metrics: columns of a MySQL table.

    `since` names a date column from which the tenure is derived.
    """

    mysql_table: str
    entity: str
    traits: tuple[str, ...]
    since: str | None = None


@dataclass(frozen=True)
class Words:
    """The words that pages and alerts use for a model's `unit`, `positives`, and becoming one."""

    title: str
    unit: str
    positives: str
    became_positive: str


@dataclass(frozen=True)
class Measure:
    """A numeric column of predictions that monitoring's page shows chunk by chunk."""

    column: str
    title: str


@dataclass(frozen=True)
class Scored:
    """A table of predictions: for whom, for when, by which model, and with what outcome.

    `entity` and `time` name the key columns that `features` and `table` share; `time` is a date or
    a timestamp. If the rows of `features` are replaced when they change, `changes` names the table
    that each changed row is added to, with its `BASE_VERSION`. `chunk` is the period that
    monitoring groups rows by, unless settings say otherwise. A model without outcomes that a
    classifier could be judged by is not watched: `is_watched` is false.
    """

    model: str
    experiment: str
    features: str
    table: Contract
    entity: str
    time: str
    score: str
    prediction: str
    label: str
    outcomes: Outcomes | None
    words: Words
    changes: str | None = None
    chunk: str = "D"
    slices: Slices | None = None
    measures: tuple[Measure, ...] = ()
    is_watched: bool = True


@dataclass(frozen=True)
class Mirror:
    """A Delta table with the MySQL table, and optionally the topic, that follow it.

    A table whose change feed has expired is rewritten in parts, one value of `part_by` at a time.
    """

    contract: Contract
    mysql_table: str
    topic: str | None = None
    part_by: str | None = None

    @property
    def published(self) -> Contract:
        """The contract of the rows in MySQL and in messages."""
        return published(self.contract)

    @property
    def name(self) -> str:
        """Name of the mirror, which is the prefix of its cursors' names."""
        return f"{self.contract.name}>{self.mysql_table}"

    def cursor(self, table_id: str) -> str:
        """Name of the cursor for the table with that id."""
        return f"{self.name}@{table_id}"


@dataclass(frozen=True)
class Station:
    """A place where rows are counted: `of` names a Delta table or a topic, or is an SQL query.

    Pages draw the stations as boxes in a row, under their `title`; a `branch` stands below the box
    before it. What is counted here and not yet at the stations `taken_by` is still waiting.
    """

    name: str
    unit: str
    kind: Literal["table", "topic", "sql"]
    of: str
    title: str = ""
    branch: bool = False
    taken_by: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The title, or the name with a capital letter.

        >>> Station("gold", "rows", "table", "gold.features").heading
        'Gold'
        """
        return self.title or self.name[:1].upper() + self.name[1:]


@dataclass(frozen=True)
class Hop:
    """A table that a prediction passes through, and how a trace finds one entity's rows in it.

    `name` is its key in JSON and `title` its heading. `entity` and `time` name the columns to look
    in, `order` those to sort by. `shown` pairs the columns that fit a terminal with their headings;
    `hidden` columns are left out altogether.
    """

    name: str
    title: str
    table: Contract
    entity: str
    time: str
    order: tuple[str, ...]
    shown: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exports:
    """Files for tools outside: patterns below the folder that `setting` names.

    Those `of_models` describe versions, and live as long as these.
    """

    setting: str
    patterns: tuple[str, ...]
    of_models: bool = False


@dataclass(frozen=True)
class Domain:
    """Everything that shared modules know about a domain.

    `title` is its name for people, and `about` says in a sentence what it decides. A message on the
    topic `control` tells those who serve its models that the registry has changed. `queried` are
    the tables that its SQL files may read and write, and `asked` the models that they alone ask:
    these have versions and a champion like those of `scored`, and no monitoring.
    """

    name: str
    topics: tuple[Topic, ...]
    feeds: tuple[Feed, ...]
    tables: tuple[str, ...]
    scored: tuple[Scored, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    stations: tuple[Station, ...] = ()
    checks: tuple[Check, ...] = ()
    hops: tuple[Hop, ...] = ()
    services: tuple[Service, ...] = ()
    pages: tuple[Page, ...] = ()
    exports: tuple[Exports, ...] = ()
    queried: tuple[Contract, ...] = ()
    asked: tuple[Scored, ...] = ()
    title: str = ""
    about: str = ""
    control: str | None = None

    def feed(self, topic: str) -> Feed | None:
        """The feed of a topic; None if the domain does not read that topic."""
        return next((feed for feed in self.feeds if feed.topic == topic), None)


Domains = tuple[Domain, ...]
OnProgress = Callable[[str], None]
