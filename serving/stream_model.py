"""The champion as a stream uses it: its features picked out of the stream's, and its policy."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lakehouse.clock import Clock
from lakehouse.errors import ModelError
from lakehouse.models.scoring import Scorer
from serving.model_versions import Versions
from serving.models import Hints, Models, NotReadyError
from serving.served import LoadedModel
from serving.stream_description import StreamDescription


@dataclass(frozen=True)
class StreamModel:
    """A model that is ready to score. `columns` picks its features out of those of the stream."""

    version: int
    scorer: Scorer
    policy: object
    columns: tuple[int, ...]


def fitted(loaded: LoadedModel, description: StreamDescription[Any, Any]) -> StreamModel:
    """A model for this stream. Raises `ModelError` for one with features that it has not."""
    missing = sorted(set(loaded.features) - set(description.features))
    if missing:
        raise ModelError(
            f"model {loaded.name}, version {loaded.version}", "features that the stream has",
            ", ".join(missing), "promote a model of this stream",
        )  # fmt: skip
    columns = tuple(map(description.features.index, loaded.features))
    policy = description.policy(loaded.threshold, dict(loaded.bundle.manifest.recipe))
    return StreamModel(loaded.version, loaded.scorer, policy, columns)


class Champion:
    """The champion of the stream's model, followed in the background.

    A version that cannot be loaded, or is not made for this stream, is refused; the one before it
    goes on. `hints` notice that the registry has changed.
    """

    def __init__(
        self,
        registry: Versions,
        description: StreamDescription[Any, Any],
        clock: Clock,
        hints: Sequence[Hints] = (),
    ) -> None:
        self._name, self._description, self._hints = description.name, description, hints
        self._models = Models(
            {self._name: registry}, clock, require=lambda one: fitted(one, description)
        )
        self._from: LoadedModel | None = None
        self._current: StreamModel | None = None

    @property
    def current(self) -> StreamModel | None:
        """The model in use; None before the first one. For one thread."""
        try:
            loaded = self._models.served(self._name).champion
        except NotReadyError:
            return self._current
        if loaded is not self._from:
            self._from, self._current = loaded, fitted(loaded, self._description)
        return self._current

    def refresh(self) -> StreamModel | None:
        """Ask the registry now."""
        self._models.refresh()
        return self.current

    def keep_fresh(self, stop: threading.Event) -> None:
        """Follow the registry in threads until `stop` is set and `end` called."""
        self._models.keep_fresh(stop, hints=self._hints)

    def end(self) -> None:
        """Let the threads notice that they are to stop."""
        self._models.hint()
