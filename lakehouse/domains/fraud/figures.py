"""The figures of all versions, under the names that the domain's users know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from lakehouse.registry.history import Past


class VersionFigures(msgspec.Struct, frozen=True):
    """A version's figures, measured on payments later than those that it was trained on.

    `rocauc` never stands without `prauc`: with few frauds, only the second tells models apart.
    """

    version: int
    rocauc: float
    prauc: float
    kind: str
    dataset_version: int | None
    is_champion: bool


def of_versions(past: Iterable[Past]) -> list[VersionFigures]:
    """The figures in the order of the versions; a worse version has a lower figure."""
    return [
        VersionFigures(
            version=one.version.number,
            rocauc=one.manifest.figures.value("roc_auc"),
            prauc=one.manifest.figures.value("pr_auc"),
            kind=one.manifest.kind,
            dataset_version=one.manifest.recipe.get("dataset_version"),
            is_champion=one.version.alias == "champion",
        )
        for one in past
    ]
