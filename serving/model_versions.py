"""One model: its registry, its versions in memory, and who answers for it."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from lakehouse.models.bundle import Bundle
from lakehouse.registry import ModelVersion
from lakehouse.registry.standing import Standing
from serving.served import LoadedModel, Served, warm

LOG = logging.getLogger(__name__)
# Versions that stay loaded because somebody asked for them by number.
KEPT = 8
# Raises `ModelError` for a model that its service cannot use, though its files are whole.
Require = Callable[[LoadedModel], object]


class Versions(Protocol):
    """What is used of a registry."""

    def standing(self) -> Standing:
        """All versions, and which of them decide."""
        ...

    def load(self, version: ModelVersion) -> Bundle:
        """The bundle of a version, checked against its hash."""
        ...


class ModelVersions:
    """The versions of one model; every method may be called from any thread."""

    def __init__(self, name: str, registry: Versions, require: Require) -> None:
        self.name, self.registry, self._require = name, registry, require
        self.served: Served | None = None
        self.staged: Served | None = None
        self.refused: dict[int, str] = {}
        self.lock = threading.Lock()
        self._kept: OrderedDict[int, LoadedModel] = OrderedDict()
        self._kept_lock = threading.Lock()

    def loaded(self, number: int) -> LoadedModel | None:
        """A version that is in memory."""
        served = self.served
        parts = (served.champion, served.shadow, served.variant) if served else ()
        with self._kept_lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
        return next((one for one in parts if one is not None and one.version == number), None)

    def load_number(self, standing: Standing, number: int | None) -> LoadedModel | None:
        """The version with that number; None if there is none, or it is refused."""
        version = standing.versions.get(number) if number is not None else None
        return None if version is None else self.load(version)

    def load(self, version: ModelVersion) -> LoadedModel | None:
        """A version, from memory or loaded; None for one that is refused, which is said once."""
        number, sha256 = version.number, version.manifest_sha256
        found = self.loaded(number)
        if found is not None and found.sha256 == sha256:
            return found
        try:
            loaded = warm(self.name, number, sha256, lambda: self.registry.load(version))
            self._require(loaded)
        except Exception as error:  # whatever a broken file makes a parser raise
            if self.refused.get(number) != str(error):
                LOG.error("version %s of %s is rejected: %s", number, self.name, error)
            self.refused[number] = str(error)
            return None
        self.refused.pop(number, None)
        with self._kept_lock:
            self._kept[number] = loaded
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return loaded

    def serve(self, served: Served) -> None:
        """From now on this answers."""
        before, self.served = self.served, served
        if before is None or before.champion is not served.champion:
            LOG.info("version %s of %s is in service", self.name, served.champion.version)
