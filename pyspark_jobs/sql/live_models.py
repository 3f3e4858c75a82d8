"""Models by name for as long as a process lives: a promotion is noticed within a second."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lakehouse.clock import Clock, SystemClock
from lakehouse.errors import ModelError
from lakehouse.models.bundle import Bundle
from lakehouse.models.inputs import Inputs
from lakehouse.registry import ModelVersion, Registry
from lakehouse.registry.mlflow_store import MlflowStore
from lakehouse.settings import Settings

LOG = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0
# Names that are remembered. They may come from a column, so there can be any number of them.
MOST_NAMES = 100
LABELS = "labels"
# No name in the registry has a quote or a dollar sign; the number after the latter is a version.
_NAME = re.compile(r"(?P<model>[^'\"$]{1,200})(?:\$(?P<number>[0-9]{1,9}))?")


@dataclass(frozen=True)
class LiveModel:
    """A model that is ready to score; `labels` are the words for its two decisions."""

    bundle: Bundle
    inputs: Inputs
    number: int
    labels: tuple[str, str]


@dataclass(frozen=True)
class RegistryPlace:
    """Where the registry is, in a form that travels to Spark's workers."""

    tracking_uri: str
    artifacts: str

    @classmethod
    def of(cls, settings: Settings) -> RegistryPlace:
        """The registry of an installation."""
        return cls(settings.tracking_uri, str(settings.state / "mlflow" / "artifacts"))

    def open(self, model: str) -> Registry:
        """The versions of a model, whether there are any or not."""
        store = MlflowStore(self.tracking_uri, Path(self.artifacts), model, model)
        return Registry(store, SystemClock())


@dataclass
class _Known:
    """What is known of a name: the last good model, or why there is none, and when it was asked."""

    registry: Registry
    asked_at: float
    model: LiveModel | None = None
    problem: str = ""


class LiveModels:
    """Models by name, `Name` for the champion and `Name$3` for version 3.

    The champion is looked up at most once in `every_s` seconds. While the registry cannot be
    reached, the last good model stays. Of more than `MOST_NAMES` names, those that were asked for
    last are remembered.
    """

    def __init__(
        self, opened: Callable[[str], Registry], clock: Clock, every_s: float = LOOK_EVERY_S
    ) -> None:
        self._open, self._clock, self._every_s = opened, clock, every_s
        self._known: dict[str, _Known] = {}

    def get(self, name: str) -> LiveModel:
        """The model of that name. Raises `ModelError` where there is none to be had."""
        parts, now = _NAME.fullmatch(name), self._clock.monotonic()
        if parts is None:
            raise ModelError.sentence(f"{name[:80]!r} is not the name of a model.")
        model, number = parts["model"], parts["number"]
        known = self._known.pop(name, None)
        is_new = known is None
        known = self._known[name] = known or _Known(self._open(model), now)
        if len(self._known) > MOST_NAMES:
            del self._known[next(iter(self._known))]
        if is_new:
            self._look(known, model, number)
        elif (number is None or known.model is None) and now - known.asked_at >= self._every_s:
            known.asked_at = now
            self._look(known, model, number)
        if known.model is None:
            raise ModelError.sentence(known.problem)
        return known.model

    def _look(self, known: _Known, model: str, number: str | None) -> None:
        try:
            version = _version(known.registry, model, number)
            if known.model is None or known.model.number != version.number:
                known.model = _live(known.registry.load(version), version.number)
        except Exception as error:
            # Whatever the registry raises, be it a server's answer or a file: rows are waiting.
            known.problem = " ".join(str(error).split())
            if known.model is not None:
                LOG.warning("%s: version %d stays: %s", model, known.model.number, known.problem)


def _version(registry: Registry, model: str, number: str | None) -> ModelVersion:
    """The version asked for. Raises `ModelError` where the registry does not have it."""
    versions = registry.versions()
    if not versions:
        raise ModelError.sentence(f"There is no model called {model!r} in the registry.")
    if number is not None:
        return registry.version(int(number))
    champion = registry.champion()
    if champion is None:
        raise ModelError.sentence(
            f"No version of {model!r} is champion; promote one with `cdrlake model promote`."
        )
    return champion


def _live(bundle: Bundle, number: int) -> LiveModel:
    told = bundle.manifest.recipe.get(LABELS)
    words = told if isinstance(told, list | tuple) and len(told) == 2 else ("0", "1")
    return LiveModel(bundle, Inputs(bundle.scorer.features), number, (str(words[0]), str(words[1])))


@lru_cache(maxsize=4)
def models_of(place: RegistryPlace) -> LiveModels:
    """The models of this process."""
    return LiveModels(place.open, SystemClock())
