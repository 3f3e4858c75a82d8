"""The model that the stream door scores with: the champion, replaced in the background.

A new champion is loaded, checked and tried aside; if anything of that fails, the last good model
goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lakehouse.clock import Clock
from lakehouse.errors import ModelError
from lakehouse.models.bundle import Bundle
from lakehouse.models.scoring import Scorer
from lakehouse.registry import ModelVersion

LOG = logging.getLogger(__name__)
ASK_S = 10.0


class Versions(Protocol):
    """What is used of a registry."""

    def champion(self) -> ModelVersion | None:
        """The champion; None before there is one."""
        ...

    def load(self, version: ModelVersion) -> Bundle:
        """The bundle of a version."""
        ...


@dataclass(frozen=True)
class LoadedModel:
    """A model that is ready to score. `columns` picks its features out of those of the stream."""

    version: int
    scorer: Scorer
    policy: object
    columns: tuple[int, ...]


class Champion:
    """Holds the champion, and asks the registry for another one every few seconds.

    `policy` reads the decision's policy from the threshold and the recipe of a model.
    """

    def __init__(
        self,
        registry: Versions,
        features: tuple[str, ...],
        policy: Callable[[float, dict[str, object]], object],
        ask_s: float = ASK_S,
    ) -> None:
        self._registry, self._features, self._policy = registry, features, policy
        self._ask_s = ask_s
        self._current: LoadedModel | None = None
        self._refused: int | None = None

    @property
    def current(self) -> LoadedModel | None:
        """The model in use; None before the first one."""
        return self._current

    def refresh(self) -> LoadedModel | None:
        """Ask the registry and take its champion, if that can be loaded."""
        try:
            version = self._registry.champion()
            known = self._current.version if self._current else None
            if version is not None and version.number not in (known, self._refused):
                self._refused = version.number
                self._current = self._load(version)
                self._refused = None
                LOG.info("version %d decides now", version.number)
        # Whatever the registry or a model's files may raise: the last good model goes on.
        except Exception as error:
            LOG.warning("the last good model goes on: %s", error)
        return self._current

    def keep_fresh(self, clock: Clock, stop: threading.Event) -> None:
        """Refresh until `stop`; to be run in a thread of its own."""
        while not clock.wait(stop, self._ask_s):
            self.refresh()

    def _load(self, version: ModelVersion) -> LoadedModel:
        bundle = self._registry.load(version)
        scorer, manifest = bundle.scorer, bundle.manifest
        missing = sorted(set(scorer.features) - set(self._features))
        if missing:
            raise ModelError(
                f"version {version.number}", "features that the stream has", ", ".join(missing),
                "promote a model of this stream",
            )  # fmt: skip
        columns = tuple(map(self._features.index, scorer.features))
        tried = scorer.score(np.zeros((1, len(columns))))  # compiles what is compiled at first use
        if not np.isfinite(tried.probability).all():
            raise ModelError(
                f"version {version.number}", "a probability", "none", "roll back to another one"
            )
        policy = self._policy(scorer.threshold, dict(manifest.recipe))
        return LoadedModel(version.number, scorer, policy, columns)
