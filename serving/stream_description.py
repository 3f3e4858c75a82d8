"""What the stream service has to know about a domain: topics, state, and how to read and write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, NamedTuple, Self, TypeVar

from lakehouse.settings.kafka import KafkaSettings

E = TypeVar("E")
S = TypeVar("S")
Features = tuple[float, ...]


@dataclass(frozen=True)
class Refused:
    """Why a message is refused: the reasons and the detail that ingest gives for it."""

    reasons: str
    detail: str


class Scored(NamedTuple):
    """A scored event: its features, its probability, whether it is flagged, and by which model.

    `policy` is what the description made of the model's manifest.
    """

    features: Features
    score: float
    flagged: bool
    model_version: int
    policy: object
    at: datetime


class Written(NamedTuple):
    """A decision as a message."""

    key: str
    value: bytes


@dataclass(frozen=True)
class StreamDescription(Generic[E, S]):
    """A stream of decisions: `topic_in` is read, scored, and answered in `topic_out`.

    `decode` reads the events of a message, usually one. `entity` says whose state an event belongs
    to; all events of an entity must be in one partition. `step` computes the event's features, in
    the order of `features`, from that state and changes it; None means a repeated event, which gets
    no second decision. `encode` writes the decision. `policy` reads from a model's threshold and
    recipe what `encode` needs to decide. Refused messages go to `topic_refused`.
    """

    name: str
    topic_in: str
    topic_out: str
    topic_refused: str
    features: tuple[str, ...]
    state_type: type[S]
    decode: Callable[[bytes | None], Sequence[E] | Refused]
    entity: Callable[[E], str]
    step: Callable[[S, E], Features | None]
    encode: Callable[[E, Scored], Written]
    policy: Callable[[float, dict[str, object]], object]

    def on(self, kafka: KafkaSettings) -> Self:
        """The same stream with the names that its topics have on the broker."""
        return replace(
            self,
            topic_in=kafka.topic(self.topic_in),
            topic_out=kafka.topic(self.topic_out),
            topic_refused=kafka.topic(self.topic_refused),
        )
