"""Every version of a model with its manifest, for those who list figures over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lakehouse.models.bundle import Bundle
from lakehouse.models.manifest import Manifest
from lakehouse.registry.registry import ModelVersion
from lakehouse.registry.standing import Standing


class Versions(Protocol):
    """The part of a registry that is asked here."""

    def standing(self) -> Standing:
        """All versions."""
        ...

    def load(self, version: ModelVersion) -> Bundle:
        """A version's files."""
        ...


@dataclass(frozen=True)
class Past:
    """A version and the manifest that was registered with it."""

    version: ModelVersion
    manifest: Manifest


def history(registry: Versions) -> list[Past]:
    """All versions, oldest first. Raises `ModelError` for files other than the registered ones."""
    found = registry.standing().versions
    return [Past(found[number], registry.load(found[number]).manifest) for number in sorted(found)]
