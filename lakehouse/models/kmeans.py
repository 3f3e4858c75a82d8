"""A clustering as one declarative file: how values are scaled, the centroids, and their names.

The file is JSON with a fixed set of keys, names and numbers only. Reading checks lengths and
bounds, so a file either describes a clustering or is refused.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from lakehouse.errors import ModelError
from lakehouse.models.forest import Floats
from lakehouse.models.scoring import Scores
from lakehouse.portable_math import log1p

MAX_FEATURES, MAX_CLUSTERS = 256, 64
MAX_BYTES = 1_048_576


class KMeansModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A row belongs to the nearest of `centroids`, by Euclidean distance after scaling.

    Scaling is (log1p(value) - `mean`) / `scale`; values below 0 count as 0. `names` are the names
    of the clusters, in the order of the centroids.
    """

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    centroids: tuple[tuple[float, ...], ...]
    names: tuple[str, ...]


class KMeansScorer:
    """Assigns rows to clusters. The prediction is the cluster's number, from 0."""

    threshold = 0.0

    def __init__(self, model: KMeansModel) -> None:
        self.features, self.model = model.features, model
        self._mean, self._scale = np.array(model.mean), np.array(model.scale)
        self._centroids = np.array(model.centroids)

    def score(self, rows: Floats) -> Scores:
        """The nearest centroid of each row.

        `raw` is the distance to it. `probability` says how clearly the row belongs there: 1 on the
        centroid, 0.5 half way to the next one. A missing value counts as the mean.
        """
        distance = self._distances(rows)
        order = np.argsort(distance, axis=1, kind="stable")
        near = np.take_along_axis(distance, order, axis=1)
        first = near[:, 0]
        second = near[:, 1] if near.shape[1] > 1 else np.full(len(rows), np.inf)
        both = first + second
        clear = 1.0 - np.divide(first, both, out=np.full(len(rows), 0.5), where=both > 0)
        return Scores(first, clear, order[:, 0].astype(np.int32))

    def contributions(self, rows: Floats) -> None:
        """None: a distance to a centroid is no sum over features."""

    def _distances(self, rows: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            scaled = (log1p(np.maximum(rows, 0.0)) - self._mean) / self._scale
        known = np.nan_to_num(scaled, nan=0.0)
        apart: Floats = np.sqrt(((known[:, None, :] - self._centroids) ** 2).sum(axis=2))
        return apart


def encode(model: KMeansModel) -> bytes:
    """The model as a file. Raises `ModelError` if it could not be read back."""
    return msgspec.json.format(msgspec.json.encode(_checked(model)), indent=2) + b"\n"


def decode(data: bytes) -> KMeansModel:
    """The model that `encode` wrote. Raises `ModelError` for any other file."""
    if len(data) > MAX_BYTES:
        raise _refused(f"{len(data):,} bytes")
    try:
        return _checked(msgspec.json.decode(data, type=KMeansModel))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _refused(f"{type(error).__name__}: {error}") from None


def load(data: bytes, part: dict[str, Any]) -> KMeansScorer:
    """The scorer of a model file; a clustering's part of the manifest is empty."""
    if part:
        raise _refused(f"details {sorted(part)[:3]} in the manifest")
    return KMeansScorer(decode(data))


def _checked(model: KMeansModel) -> KMeansModel:
    width, clusters = len(model.features), len(model.centroids)
    if not 0 < width <= MAX_FEATURES or len(set(model.features)) < width:
        raise _refused(f"{width} features, or one of them twice")
    if not 0 < clusters <= MAX_CLUSTERS or len(set(model.names)) != clusters:
        raise _refused(f"{clusters} centroids with {len(set(model.names))} different names")
    if len(model.names) != clusters:
        raise _refused("a name too many or too few")
    if {len(model.mean), len(model.scale), *map(len, model.centroids)} != {width}:
        raise _refused(f"means, scales or centroids of another length than {width}")
    numbers = (*model.mean, *model.scale, *(x for centre in model.centroids for x in centre))
    if not all(map(math.isfinite, numbers)):
        raise _refused("numbers that are not finite")
    if min(model.scale) <= 0:
        raise _refused("a scale that is not above 0")
    return model


def _refused(got: str) -> ModelError:
    return ModelError(
        "model file", "a clustering as cdrlake writes it", got[:200], "register the model again"
    )
