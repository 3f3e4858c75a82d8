"""A logistic regression as one declarative file, read and scored.

The file is JSON with a fixed set of keys and only numbers. Reading checks lengths and bounds, so a
file either describes a model or is refused.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from lakehouse.errors import ModelError
from lakehouse.models.forest import Floats
from lakehouse.models.scoring import Scores

MAX_FEATURES = 4_096
MAX_BYTES = 1_048_576


class LinearModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Log-odds are `intercept` + the sum of `coefficients` * (value - `mean`) / `scale`.

    `features` are the columns in order; the prediction is 1 for probabilities from `threshold` up.
    """

    features: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    threshold: float


class LinearScorer:
    """Scores with a logistic regression."""

    def __init__(self, model: LinearModel) -> None:
        self.features, self.threshold = model.features, model.threshold
        self.model = model
        self._mean, self._scale = np.array(model.mean), np.array(model.scale)
        self._coefficients = np.array(model.coefficients)

    def score(self, rows: Floats) -> Scores:
        """Log-odds, probabilities and decisions for a matrix of rows."""
        raw = self.contributions(rows).sum(axis=1) + self.model.intercept
        # The logistic function, in the form that no log-odds overflow.
        probability = np.exp(-np.logaddexp(0.0, -raw))
        return Scores(raw, probability, (probability >= self.threshold).astype(np.int32))

    def contributions(self, rows: Floats) -> Floats:
        """How far each feature moved each row's log-odds from those of a mean row.

        A missing value counts as the mean, so it moves nothing.
        """
        moved: Floats = (rows - self._mean) / self._scale * self._coefficients
        return np.nan_to_num(moved)


def encode(model: LinearModel) -> bytes:
    """The model as a file. Raises `ModelError` if it could not be read back."""
    return msgspec.json.format(msgspec.json.encode(_checked(model)), indent=2) + b"\n"


def decode(data: bytes) -> LinearModel:
    """The model that `encode` wrote. Raises `ModelError` for any other file."""
    if len(data) > MAX_BYTES:
        raise _refused(f"{len(data):,} bytes")
    try:
        return _checked(msgspec.json.decode(data, type=LinearModel))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _refused(f"{type(error).__name__}: {error}") from None


def load(data: bytes, part: dict[str, Any]) -> LinearScorer:
    """The scorer of a model file; a linear model's part of the manifest is empty."""
    if part:
        raise _refused(f"details {sorted(part)[:3]} in the manifest")
    return LinearScorer(decode(data))


def _checked(model: LinearModel) -> LinearModel:
    width = len(model.features)
    if not 0 < width <= MAX_FEATURES or len(set(model.features)) < width:
        raise _refused(f"{width} features, or one of them twice")
    if {len(model.coefficients), len(model.mean), len(model.scale)} != {width}:
        raise _refused(f"other numbers of coefficients, means or scales than {width}")
    numbers = (*model.coefficients, *model.mean, *model.scale, model.intercept, model.threshold)
    if not all(map(math.isfinite, numbers)):
        raise _refused("numbers that are not finite")
    if min(model.scale) <= 0:
        raise _refused("a scale that is not above 0")
    if not 0 <= model.threshold <= 1:
        raise _refused(f"a threshold of {model.threshold:g}, which is no probability")
    return model


def _refused(got: str) -> ModelError:
    return ModelError(
        "model file", "a linear model as cdrlake writes it", got[:200], "register the model again"
    )
