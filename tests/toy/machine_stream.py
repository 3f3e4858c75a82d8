"""The toy's readings decided as a stream: how far a machine shakes above its own mean so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import msgspec

from lakehouse.models.bundle import Bundle
from lakehouse.models.linear import LinearModel, LinearScorer
from lakehouse.registry import ModelVersion
from lakehouse.registry.standing import Standing
from serving.stream_description import Refused, Scored, StreamDescription, Written

FEATURES = ("vibration", "above_mean", "readings")
MODEL = LinearModel(
    features=FEATURES, coefficients=(0.3, 0.9, 0.01), intercept=-2.0, mean=(4.0, 0.0, 0.0),
    scale=(1.5, 1.0, 1.0), threshold=0.3,
)  # fmt: skip
_START = datetime(2026, 6, 1, tzinfo=UTC)


class Reading(msgspec.Struct, frozen=True):
    """A reading; `number` counts those of its machine from 1."""

    event_id: str
    machine: str
    number: int
    vibration: float


class Machine(msgspec.Struct, array_like=True):
    """What is known of a machine: its last reading's number, and the mean of its vibration."""

    last: int = 0
    mean: float = 0.0


class Decision(msgspec.Struct, frozen=True):
    """A reading's decision, with the features that it follows from."""

    event_id: str
    features: tuple[float, ...]
    score: float
    flagged: bool


class OneVersion:
    """A registry whose one version is the champion."""

    def __init__(self, model: LinearModel = MODEL) -> None:
        self._model = model

    def standing(self) -> Standing:
        """The one version."""
        one = ModelVersion(
            number=1, run_id="run", created_at=_START, manifest_sha256="0" * 64,
            score_from=_START.date(), metric="pr_auc", figure="", promoted_at=_START,
            approved_by=None, verdicts=(), alias="champion",
        )  # fmt: skip
        return Standing({1: one}, champion=1)

    def load(self, _: ModelVersion) -> Bundle:
        """As much of a bundle as the door reads."""
        manifest = SimpleNamespace(recipe={})
        return cast(Bundle, SimpleNamespace(scorer=LinearScorer(self._model), manifest=manifest))


def describe(name: str) -> StreamDescription[Reading, Machine]:
    """The stream from the topic `<name>` to `<name>-decided`."""
    return StreamDescription(
        name=name,
        topic_in=name,
        topic_out=f"{name}-decided",
        topic_refused=f"{name}-refused",
        features=FEATURES,
        state_type=Machine,
        decode=decode,
        entity=lambda reading: reading.machine,
        step=step,
        encode=encode,
        policy=lambda threshold, recipe: None,
    )


def decode(value: bytes | None) -> Sequence[Reading] | Refused:
    """The reading of a message."""
    try:
        return [msgspec.json.decode(value or b"", type=Reading)]
    except msgspec.MsgspecError as error:
        return Refused("not_json", str(error))


def step(machine: Machine, reading: Reading) -> tuple[float, ...] | None:
    """The features of a reading; None for one that has been there."""
    if reading.number <= machine.last:
        return None
    features = (reading.vibration, reading.vibration - machine.mean, float(machine.last))
    machine.last = reading.number
    machine.mean += (reading.vibration - machine.mean) / reading.number
    return features


def encode(reading: Reading, scored: Scored) -> Written:
    """The decision as a message."""
    made = Decision(reading.event_id, scored.features, scored.score, scored.flagged)
    return Written(reading.event_id, msgspec.json.encode(made))


def undisturbed(readings: Iterable[Reading]) -> tuple[dict[str, Decision], dict[str, Machine]]:
    """Every decision, and the state of each machine, in one pass without a door."""
    machines: dict[str, Machine] = {}
    found: dict[str, Decision] = {}
    for one in readings:
        features = step(machines.setdefault(one.machine, Machine()), one)
        if features is not None:
            found[one.event_id] = Decision(one.event_id, features, 0.0, False)
    return found, machines
