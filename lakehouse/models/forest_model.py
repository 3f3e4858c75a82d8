"""A forest with the calibration and threshold that turn its votes into decisions."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import Forest


@dataclass(frozen=True)
class Naming:
    """Names in a model file that mean nothing to a reader: of the graph, and of the two classes.

    Files of before have other ones, and must be written back as they were to be checked.
    """

    graph: str = "forest"
    negative: str = "negative"
    positive: str = "positive"


@dataclass(frozen=True)
class ForestModel:
    """A forest with what turns its votes into decisions; `features` are its columns, in order.

    `naming` is how its file calls graph and classes.
    """

    features: tuple[str, ...]
    forest: Forest
    calibration: Calibration
    threshold: float
    naming: Naming = Naming()
