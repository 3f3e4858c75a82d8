"""Which versions of a model decide, which only score, and how callers are split between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.registry.registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"
VARIANT = "variant"
SHARE = "variant_share"


@dataclass(frozen=True)
class Standing:
    """The versions of a model, and the numbers of those with a part in serving.

    The `challenger` scores beside the champion and decides nothing. The `variant` decides for the
    part `share` (0 to 1) of the callers, the champion for the others.
    """

    versions: Mapping[int, ModelVersion]
    champion: int | None = None
    challenger: int | None = None
    variant: int | None = None
    share: float = 0.0
