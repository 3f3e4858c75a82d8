"""From the forest's mean vote to a calibrated probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse.models.forest import Floats

# A forest of a hundred trees cannot tell a vote of 0 from one of 0.001.
VOTE_MIN = 1e-3
_SLOPE_MIN = 0.05
_STEPS = 100
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Calibration:
    """Platt's curve over the log-odds x of the mean vote: 1 / (1 + exp(-(slope * x + offset))).

    Class weights shift the log-odds of a forest by a constant and averaging flattens them; these
    two are what `offset` and `slope` take back. The slope is positive, so no ranking changes.
    """

    slope: float
    offset: float

    def apply(self, vote: Floats) -> Floats:
        """Probabilities of the positive class for mean votes in [0, 1]."""
        return 1.0 / (1.0 + np.exp(-(self.slope * _log_odds(vote) + self.offset)))

    def apply_one(self, vote: float) -> float:
        """The same for a single mean vote, without the overhead of an array."""
        clipped = min(max(vote, VOTE_MIN), 1 - VOTE_MIN)
        log_odds = math.log(clipped / (1 - clipped))
        return 1.0 / (1.0 + math.exp(-(self.slope * log_odds + self.offset)))


def fit(vote: Floats, label: npt.NDArray[np.int64]) -> Calibration:
    """The curve that fits mean votes of rows the forest has not seen to their labels.

    Newton's method on the logistic loss, with Platt's softened targets, which keep the
    probabilities of few rows off 0 and 1. A step that would raise the loss is halved, because with
    few positives the first one can lead far away.
    """
    x = _log_odds(vote)
    positives, negatives = int(label.sum()), int(len(label) - label.sum())
    target = np.where(label == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.stack([x, np.ones_like(x)], axis=1)
    weights = np.array([0.0, np.log((positives + 1) / (negatives + 1))])
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-(design @ weights)))
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, design.T @ (target - p))
        loss = _loss(design, target, weights)
        while _loss(design, target, weights + step) > loss and np.abs(step).max() > _TOLERANCE:
            step = step / 2
        weights = weights + step
        if np.abs(step).max() < _TOLERANCE:
            break
    return Calibration(max(float(weights[0]), _SLOPE_MIN), float(weights[1]))


def _loss(design: Floats, target: Floats, weights: Floats) -> float:
    """Logistic loss, in the form that no log-odds overflow."""
    log_odds = design @ weights
    return float((np.logaddexp(0.0, log_odds) - target * log_odds).sum())


def _log_odds(vote: Floats) -> Floats:
    clipped = np.clip(vote, VOTE_MIN, 1 - VOTE_MIN)
    return np.log(clipped / (1 - clipped))
