"""Metrics of scores and probabilities, with bootstrap intervals; arrays only, no Spark.

Rows of one entity are alike, so intervals resample entities: each replicate draws as many entities
as there are, with replacement, and a row's weight is how often its entity was drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from lakehouse.models.forest import Floats
from lakehouse.models.manifest import Costs, Interval

Labels = npt.NDArray[np.int64]
REPLICATES = 300
_BINS = 10
_DECILE = 0.1


@dataclass(frozen=True)
class ScoredLabels:
    """Rows in order of decreasing score, with equal scores as one step."""

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
        """Weight of positives and of negatives at each step, from the highest score down."""
        weights = np.ones(len(self.label)) if weight is None else weight
        ordered, label = weights[self._order], self.label[self._order]
        positives = np.add.reduceat(ordered * label, self._steps)
        return positives, np.add.reduceat(ordered * (1 - label), self._steps)

    def roc_auc(self, weight: Floats | None = None) -> float:
        """Probability that a positive outranks a negative; ties count half. NaN with one class."""
        positives, negatives = self.counts(weight)
        below = negatives.sum() - np.cumsum(negatives)
        pairs = positives.sum() * negatives.sum()
        return float((positives * (below + negatives / 2)).sum() / pairs) if pairs else float("nan")

    def pr_auc(self, weight: Floats | None = None) -> float:
        """Average precision over the positives. NaN if there are none."""
        positives, negatives = self.counts(weight)
        total, found = positives.sum(), np.cumsum(positives)
        flagged = found + np.cumsum(negatives)
        precision = np.divide(found, flagged, out=np.zeros_like(found), where=flagged > 0)
        return float((positives * precision).sum() / total) if total else float("nan")

    def recall_top_decile(self, weight: Floats | None = None) -> float:
        """Share of all positives among the tenth of rows with the highest scores.

        Of rows with equal scores at the edge of the tenth, a part counts. NaN without positives.
        """
        positives, negatives = self.counts(weight)
        found, flagged = np.cumsum(positives), np.cumsum(positives + negatives)
        if not found[-1]:
            return float("nan")
        flagged, found = (np.concatenate([[0.0], each]) for each in (flagged, found))
        return float(np.interp(flagged[-1] * _DECILE, flagged, found) / found[-1])


# Metrics of a ranking: of the scores' order alone.
RANKINGS: Mapping[str, Callable[[ScoredLabels, Floats | None], float]] = {
    "roc_auc": ScoredLabels.roc_auc,
    "pr_auc": ScoredLabels.pr_auc,
    "recall_top_decile": ScoredLabels.recall_top_decile,
}


def resampled(entity: npt.NDArray[np.int64], seed: int) -> Iterator[Floats]:
    """Weights of rows for each bootstrap replicate; `entity` numbers the entities from 0."""
    rng = np.random.default_rng(seed)
    count = int(entity.max()) + 1
    for _ in range(REPLICATES):
        drawn = rng.integers(0, count, count)
        yield np.bincount(drawn, minlength=count)[entity].astype(float)


def numbered(entities: pl.Series) -> npt.NDArray[np.int64]:
    """The number of each row's entity, from 0, as `resampled` takes it."""
    return entities.rank("dense").cast(pl.Int64).to_numpy() - 1


def interval(value: float, replicates: list[float]) -> Interval:
    """A value with the central 95 % interval of its replicates."""
    low, high = np.nanpercentile(replicates, [2.5, 97.5]) if replicates else (value, value)
    return Interval(value, float(low), float(high))


def with_intervals(
    rankings: dict[str, ScoredLabels], entity: npt.NDArray[np.int64], seed: int
) -> dict[str, dict[str, Interval]]:
    """Every metric of `RANKINGS` of several rankings of the same rows, on the same replicates."""
    drawn: dict[tuple[str, str], list[float]] = defaultdict(list)
    for weight in resampled(entity, seed):
        for name, one in rankings.items():
            for metric, of in RANKINGS.items():
                drawn[name, metric].append(of(one, weight))
    return {
        name: {
            metric: interval(of(one, None), drawn[name, metric]) for metric, of in RANKINGS.items()
        }
        for name, one in rankings.items()
    }


def calibration_error(probability: Floats, label: Labels | Floats) -> float:
    """Mean gap between probability and observed frequency over ten equally large bins."""
    order = np.argsort(probability, kind="stable")
    bins = np.array_split(order, _BINS)
    gaps = [abs(probability[b].mean() - label[b].mean()) * len(b) for b in bins if len(b)]
    return float(sum(gaps) / len(label))


def precision_at_top(probability: Floats, label: Labels) -> float:
    """Share of positives among the tenth of rows with the highest probabilities."""
    count = max(1, int(len(label) * _DECILE))
    return float(label[np.argsort(-probability, kind="stable")[:count]].mean())


def cost(prediction: Labels, label: Labels, costs: Costs) -> float:
    """Total cost of the wrong decisions."""
    missed = int((label & ~prediction & 1).sum())
    needless = int((prediction & ~label & 1).sum())
    return missed * costs.false_negative + needless * costs.false_positive


def cheapest_threshold(probability: Floats, label: Labels, costs: Costs) -> float:
    """The decision threshold with the lowest cost on these rows.

    It lies halfway between two neighbouring probabilities, or beyond the last one if acting on
    nobody is cheapest.
    """
    positives, negatives = (
        np.concatenate([[0.0], np.cumsum(each)])
        for each in ScoredLabels(probability, label).counts()
    )
    total = (positives[-1] - positives) * costs.false_negative + negatives * costs.false_positive
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
