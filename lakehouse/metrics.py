"""Figures of a scored_labels and of probabilities, with bootstrap intervals; arrays only, no Spark.

Rows of one subscriber are alike, so intervals resample subscribers: each replicate draws as many
as there are, with replacement, and a row weighs as often as its subscriber was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lakehouse.models.forest import Floats
from lakehouse.models.manifest import Costs, Interval

Labels = npt.NDArray[np.int64]
REPLICATES = 300
_BINS = 10
_DECILE = 0.1


@dataclass(frozen=True)
class ScoredLabels:
    """Rows in order of falling score, with equal scores as one step."""

    score: Floats
    label: Labels

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(-self.score, kind="stable")

    @cached_property
    def _steps(self) -> npt.NDArray[np.int64]:
        ordered = self.score[self._order]
        return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))

    def counts(self, weight: Floats | None = None) -> tuple[Floats, Floats]:
        """Weight of churners and of stayers at each step, from the highest score down."""
        weights = np.ones(len(self.label)) if weight is None else weight
        ordered, label = weights[self._order], self.label[self._order]
        churners = np.add.reduceat(ordered * label, self._steps)
        return churners, np.add.reduceat(ordered * (1 - label), self._steps)

    def roc_auc(self, weight: Floats | None = None) -> float:
        """Chance that a churner ranks above a stayer; ties count half. NaN with one class."""
        churners, stayers = self.counts(weight)
        below = stayers.sum() - np.cumsum(stayers)
        pairs = churners.sum() * stayers.sum()
        return float((churners * (below + stayers / 2)).sum() / pairs) if pairs else float("nan")

    def pr_auc(self, weight: Floats | None = None) -> float:
        """Average precision over the churners. NaN without any."""
        churners, stayers = self.counts(weight)
        total, found = churners.sum(), np.cumsum(churners)
        flagged = found + np.cumsum(stayers)
        precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
        return float((churners * precision).sum() / total) if total else float("nan")


def resampled(user: npt.NDArray[np.int64], seed: int) -> Iterator[Floats]:
    """Weights of rows for each bootstrap replicate; `user` numbers the subscribers from 0."""
    rng = np.random.default_rng(seed)
    subscribers = int(user.max()) + 1
    for _ in range(REPLICATES):
        drawn = rng.integers(0, subscribers, subscribers)
        yield np.bincount(drawn, minlength=subscribers)[user].astype(float)


def interval(value: float, replicates: list[float]) -> Interval:
    """A figure with the middle 95 % of its replicates."""
    low, high = np.nanpercentile(replicates, [2.5, 97.5]) if replicates else (value, value)
    return Interval(value, float(low), float(high))


def with_intervals(
    scored_labels: dict[str, ScoredLabels], user: npt.NDArray[np.int64], seed: int
) -> dict[str, tuple[Interval, Interval]]:
    """ROC-AUC and PR-AUC of several scored_labels of the same rows, on the same replicates."""
    drawn: dict[str, list[tuple[float, float]]] = {name: [] for name in scored_labels}
    for weight in resampled(user, seed):
        for name, one in scored_labels.items():
            drawn[name].append((one.roc_auc(weight), one.pr_auc(weight)))
    return {
        name: (
            interval(scored_labels.roc_auc(), [roc for roc, _ in drawn[name]]),
            interval(scored_labels.pr_auc(), [pr for _, pr in drawn[name]]),
        )
        for name, scored_labels in scored_labels.items()
    }


def calibration_error(probability: Floats, label: Labels) -> float:
    """Mean gap between probability and frequency over ten bins of equally many rows."""
    order = np.argsort(probability, kind="stable")
    bins = np.array_split(order, _BINS)
    gaps = [abs(probability[b].mean() - label[b].mean()) * len(b) for b in bins if len(b)]
    return float(sum(gaps) / len(label))


def precision_at_top(probability: Floats, label: Labels) -> float:
    """Share of churners among the tenth of rows with the highest probabilities."""
    count = max(1, int(len(label) * _DECILE))
    return float(label[np.argsort(-probability, kind="stable")[:count]].mean())


def f1(prediction: Labels, label: Labels) -> float:
    """Harmonic mean of precision and recall; 0 where nothing is found."""
    found = int((prediction & label).sum())
    claimed = int(prediction.sum() + label.sum())
    return 2 * found / claimed if claimed else 0.0


def cost(prediction: Labels, label: Labels, costs: Costs) -> float:
    """What the wrong decisions cost in all."""
    missed = int((label & ~prediction & 1).sum())
    bothered = int((prediction & ~label & 1).sum())
    return missed * costs.false_negative + bothered * costs.false_positive


def cheapest_threshold(probability: Floats, label: Labels, costs: Costs) -> float:
    """The probability from which on acting costs least on these rows.

    It lies halfway between two neighbouring probabilities, or beyond the last one where acting on
    nobody is cheapest.
    """
    scored_labels = ScoredLabels(probability, label)
    churners, stayers = (
        np.concatenate([[0.0], np.cumsum(each)]) for each in scored_labels.counts()
    )
    total = (churners[-1] - churners) * costs.false_negative + stayers * costs.false_positive
    steps = np.unique(probability)[::-1]
    edges = np.concatenate([[1.0], (steps[:-1] + steps[1:]) / 2, [0.0]])
    edges[0] = (1.0 + steps[0]) / 2
    return float(edges[int(np.argmin(total))])


def permutation_importance(
    score: Callable[[Floats], Floats], rows: Floats, label: Labels, seed: int
) -> Floats:
    """How much ROC-AUC each column is worth: the loss when its values are shuffled."""
    rng = np.random.default_rng(seed)
    whole = ScoredLabels(score(rows), label).roc_auc()
    losses = np.zeros(rows.shape[1])
    for column in range(rows.shape[1]):
        shuffled = rows.copy()
        shuffled[:, column] = rng.permutation(rows[:, column])
        losses[column] = whole - ScoredLabels(score(shuffled), label).roc_auc()
    return losses
