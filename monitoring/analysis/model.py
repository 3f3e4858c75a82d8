"""A model version as seen by monitoring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lakehouse.models.manifest import Costs


@dataclass(frozen=True)
class Model:
    """What monitoring needs to know about a model version."""

    version: int
    run_id: str
    features: tuple[str, ...]
    costs: Costs
    threshold: float
    score_from: date
    importance: dict[str, float]
