"""The kinds of models and their loaders; adding a kind takes one module and one entry.

A loader takes the bytes of the model file and the kind's own part of the manifest, checks both, and
returns a `Scorer`. Its dependencies are only imported when a model of the kind is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.errors import ModelError, closest
from lakehouse.models.manifest import FOREST
from lakehouse.models.scoring import Scorer

LINEAR = "linear"
KMEANS, HAZARD = "kmeans", "hazard"
HALF_SPACE = "hst"
Load = Callable[[bytes, dict[str, Any]], Scorer]


@dataclass(frozen=True)
class ModelKind:
    """A kind of model: its name for people, its file in a model's folder, and its loader."""

    title: str
    file: str
    load: Load


def _forest(data: bytes, part: dict[str, Any]) -> Scorer:
    from lakehouse.models import forest_scorer

    return forest_scorer.load(data, part)


def _linear(data: bytes, part: dict[str, Any]) -> Scorer:
    from lakehouse.models import linear

    return linear.load(data, part)


def _kmeans(data: bytes, part: dict[str, Any]) -> Scorer:
    from lakehouse.models import kmeans

    return kmeans.load(data, part)


def _hazard(data: bytes, part: dict[str, Any]) -> Scorer:
    from lakehouse.models import hazard

    return hazard.load(data, part)


def _half_space(data: bytes, part: dict[str, Any]) -> Scorer:
    from lakehouse.models import half_space_model

    return half_space_model.load(data, part)


MODEL_KINDS: Mapping[str, ModelKind] = {
    FOREST: ModelKind("random forest", "model.onnx", _forest),
    LINEAR: ModelKind("logistic regression", "model.json", _linear),
    KMEANS: ModelKind("clustering", "model.json", _kmeans),
    HAZARD: ModelKind("discrete-time hazard", "model.json", _hazard),
    HALF_SPACE: ModelKind("half-space trees", "model.json", _half_space),
}


def model_kind(name: str) -> ModelKind:
    """The kind called `name`; raises `ModelError` for an unknown one."""
    if name not in MODEL_KINDS:
        raise ModelError("model kind", "a known kind", repr(name), closest(name, MODEL_KINDS))
    return MODEL_KINDS[name]
