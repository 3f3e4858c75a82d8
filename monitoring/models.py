"""The registry as monitoring needs it: versions, and the reference stored with each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from monitoring.analysis.model import Model
from monitoring.errors import NotFoundError, NotReadyError
from monitoring.report import VersionMark

if TYPE_CHECKING:
    from lakehouse.models.bundle import Bundle
    from lakehouse.models.manifest import Manifest
    from lakehouse.registry import ModelVersion


class Registry(Protocol):
    """Model versions and their bundles."""

    def champion(self) -> ModelVersion | None:
        """The champion; None before the first."""
        ...

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first."""
        ...

    def load(self, version: ModelVersion) -> Bundle:
        """The bundle of a version."""
        ...


def choose(registry: Registry, number: int | None) -> ModelVersion:
    """The requested version, or the champion.

    Raises `NotFoundError` for an unknown number and `NotReadyError` before the first champion.
    """
    if number is None:
        champion = registry.champion()
        if champion is None:
            raise NotReadyError.sentence("There is no champion yet; train a model first.")
        return champion
    versions = {version.number: version for version in registry.versions()}
    if number not in versions:
        known = ", ".join(map(str, versions)) or "none"
        raise NotFoundError("model_version", f"one of {known}", str(number), "choose one")
    return versions[number]


def model_of(version: ModelVersion, manifest: Manifest) -> Model:
    """What monitoring needs to know of a version."""
    return Model(
        version=version.number,
        run_id=version.run_id,
        features=manifest.features,
        costs=manifest.costs,
        threshold=manifest.threshold,
        score_from=manifest.score_from,
        importance=dict(manifest.figures.importance),
    )


def marks(registry: Registry) -> tuple[VersionMark, ...]:
    """Versions that were ever promoted, for the time axis."""
    return tuple(
        VersionMark(one.number, one.score_from, one.promoted_at, one.alias)
        for one in registry.versions()
        if one.promoted_at is not None
    )
