"""Every version of a model with its manifest, for those who list figures over time."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.models.manifest import Manifest
from lakehouse.registry.registry import ModelVersion, Registry


@dataclass(frozen=True)
class Past:
    """A version and the manifest that was registered with it."""

    version: ModelVersion
    manifest: Manifest


def history(registry: Registry) -> list[Past]:
    """All versions, oldest first. Raises `ModelError` for files other than the registered ones."""
    return [Past(one, registry.load(one).manifest) for one in registry.versions()]
