"""A model version as monitoring knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lakehouse.models.manifest import Costs


@dataclass(frozen=True)
class Model:
    """What monitoring needs to know of a model version."""

    version: int
    run_id: str
    features: tuple[str, ...]
    costs: Costs
    threshold: float
    score_from: date
    importance: dict[str, float]
