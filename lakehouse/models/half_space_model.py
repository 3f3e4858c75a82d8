"""A frozen snapshot of Half-Space Trees as one declarative file, read and scored.

The file is JSON with a fixed set of keys and only numbers and names. Reading checks lengths and
bounds, so a file either describes a model or is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from lakehouse.errors import ModelError
from lakehouse.models import calibration, half_space_kernel
from lakehouse.models.forest import Floats
from lakehouse.models.half_space_trees import HalfSpaceTrees
from lakehouse.models.scoring import Scores

MAX_FEATURES = 4_096
MAX_HEIGHT = 14
MAX_NODES = 2**21
MAX_BYTES = 64 * 2**20
MAX_MASS = 2**53
# Scores in [0, 1] become log-odds in [-6, 6] for the curve that makes probabilities of them.
_SPREAD = 6.0


class HalfSpaceModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Trees of height `height`, node after node and tree after tree in heap order.

    `split` (index of a feature), `at` (threshold on the scale of the limits) and `right` (1 where a
    row without the value goes right) have an entry for each inner node, `mass` for each node.
    `window` is the number of rows behind the masses. The probability is the logistic function of
    `slope` x score + `offset`; the prediction is 1 from `threshold` up.
    """

    features: tuple[str, ...]
    height: int
    window: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    split: tuple[int, ...]
    at: tuple[float, ...]
    right: tuple[int, ...]
    mass: tuple[int, ...]
    slope: float
    offset: float
    threshold: float


class Curve(NamedTuple):
    """The curve from a score to a probability, and the threshold for a decision."""

    slope: float
    offset: float
    threshold: float


class HalfSpaceScorer:
    """Scores with a frozen snapshot; `raw` is the anomaly score, from 0 (ordinary) to 1."""

    def __init__(self, model: HalfSpaceModel) -> None:
        self.features, self.threshold = model.features, model.threshold
        self.model = model
        inner = 2**model.height - 1
        self._limits = np.array(model.low), np.array(model.high)
        self._forest = (
            np.array(model.split, np.int32).reshape(-1, inner),
            np.array(model.at).reshape(-1, inner),
        )
        mass = np.array(model.mass, np.int64).reshape(-1, 2 * inner + 1)
        # Only the comparison of two siblings counts: whichever has more takes rows without a value.
        latest = np.zeros_like(mass)
        latest[:, 2::2] = np.array(model.right, np.int64).reshape(-1, inner)
        self._masses = latest, mass

    def score(self, rows: Floats) -> Scores:
        """Anomaly scores, probabilities and decisions for a matrix of rows."""
        ready = np.ascontiguousarray(rows)
        raw = half_space_kernel.score_rows(
            ready, self._limits, self._forest, self._masses, self.model.window
        )
        probability = 1.0 / (1.0 + np.exp(-(self.model.slope * raw + self.model.offset)))
        return Scores(raw, probability, (probability >= self.threshold).astype(np.int32), 1.0)

    def contributions(self, rows: Floats) -> Floats | None:
        """None: a mass says that a row is unusual, not which of its values is."""
        del rows
        return None


def frozen(trees: HalfSpaceTrees, curve: Curve) -> HalfSpaceModel:
    """A snapshot of trees that have filled at least one window.

    Raises `ModelError` for trees that have not.
    """
    latest = trees.latest
    model = HalfSpaceModel(
        features=trees.features,
        height=trees.shape.height,
        window=trees.window,
        low=tuple(trees.low.tolist()),
        high=tuple(trees.high.tolist()),
        split=tuple(trees.feature.ravel().tolist()),
        at=tuple(trees.threshold.ravel().tolist()),
        right=tuple((latest[:, 1::2] < latest[:, 2::2]).astype(int).ravel().tolist()),
        mass=tuple(trees.reference.ravel().tolist()),
        slope=curve.slope,
        offset=curve.offset,
        threshold=curve.threshold,
    )
    return _checked(model)


def fit_curve(scores: Floats, label: Sequence[int] | Any, threshold: float = 0.5) -> Curve:
    """The logistic curve that fits anomaly scores of rows to their labels, 1 for positives."""
    log_odds = _SPREAD * (2.0 * scores - 1.0)
    vote = 1.0 / (1.0 + np.exp(-log_odds))
    found = calibration.fit(vote, np.asarray(label, np.int64))
    slope = 2.0 * _SPREAD * found.slope
    return Curve(slope, found.offset - _SPREAD * found.slope, threshold)


def encode(model: HalfSpaceModel) -> bytes:
    """The model as a file. Raises `ModelError` if it could not be read back."""
    return msgspec.json.encode(_checked(model)) + b"\n"


def decode(data: bytes) -> HalfSpaceModel:
    """The model that `encode` wrote. Raises `ModelError` for any other file."""
    if len(data) > MAX_BYTES:
        raise _refused(f"{len(data):,} bytes")
    try:
        return _checked(msgspec.json.decode(data, type=HalfSpaceModel))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _refused(f"{type(error).__name__}: {error}") from None


def load(data: bytes, part: dict[str, Any]) -> HalfSpaceScorer:
    """The scorer of a model file; this kind's part of the manifest is empty."""
    if part:
        raise _refused(f"details {sorted(part)[:3]} in the manifest")
    return HalfSpaceScorer(decode(data))


def _checked(model: HalfSpaceModel) -> HalfSpaceModel:
    width = len(model.features)
    if not 0 < width <= MAX_FEATURES or len(set(model.features)) < width:
        raise _refused(f"{width} features, or one of them twice")
    if {len(model.low), len(model.high)} != {width}:
        raise _refused(f"other numbers of limits than {width}")
    if not 1 <= model.height <= MAX_HEIGHT:
        raise _refused(f"a height of {model.height}")
    _check_trees(model)
    numbers = (*model.low, *model.high, *model.at, model.slope, model.offset, model.threshold)
    if not all(map(math.isfinite, numbers)):
        raise _refused("numbers that are not finite, such as the limits of a feature never seen")
    if any(low > high for low, high in zip(model.low, model.high, strict=True)):
        raise _refused("a least value above the greatest")
    if model.slope < 0 or not 0 <= model.threshold <= 1:
        raise _refused(f"a slope of {model.slope} and a threshold of {model.threshold}")
    return model


def _check_trees(model: HalfSpaceModel) -> None:
    inner, width = 2**model.height - 1, len(model.features)
    trees, rest = divmod(len(model.split), inner)
    sizes = (len(model.split), len(model.at), len(model.right), len(model.mass))
    if not trees or rest or sizes != (trees * inner,) * 3 + (trees * (2 * inner + 1),):
        raise _refused(f"{sizes} entries for trees of height {model.height}")
    if len(model.mass) > MAX_NODES:
        raise _refused(f"{len(model.mass):,} nodes")
    if min(model.split) < 0 or max(model.split) >= width:
        raise _refused("a split on a feature that there is not")
    if not {*model.right} <= {0, 1}:
        raise _refused("sides other than 0 and 1")
    if model.window < 1 or min(model.mass) < 0 or len(model.mass) * model.window >= MAX_MASS:
        raise _refused(f"a window of {model.window} rows, or a mass below 0")
    if max(model.mass) > model.window:
        raise _refused(f"a mass above the window's {model.window} rows")


def _refused(got: str) -> ModelError:
    return ModelError(
        "model file", "Half-Space Trees as one JSON object", got, "register the model again"
    )
