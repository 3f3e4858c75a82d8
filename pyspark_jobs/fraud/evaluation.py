"""How candidates rank later payments, weighted to the true share of frauds, with intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lakehouse import metrics
from lakehouse.metrics import Labels, ScoredLabels
from lakehouse.models.forest import Floats
from lakehouse.models.manifest import Costs, Figures, Interval, Metrics
from lakehouse.models.scoring import Scorer, Scores

BUDGETS = {"recall_at_01": 0.001, "recall_at_05": 0.005, "recall_at_1": 0.01}
RANKING = "pr_auc"
_BINS = 10
_IMPORTANCE_ROWS = 5_000


@dataclass(frozen=True)
class Judged:
    """Later rows: their labels, what each stands for, and the entity that is resampled."""

    label: Labels
    weight: Floats
    entity: npt.NDArray[np.int64]
    seed: int

    def rankings(self, score: Floats) -> Metrics:
        """PR-AUC, ROC-AUC and the recall within each budget of alerts, each with an interval."""
        ranked = ScoredLabels(score, self.label)
        drawn = [weight * self.weight for weight in metrics.resampled(self.entity, self.seed)]
        of: dict[str, Callable[[Floats | None], float]] = {
            "pr_auc": ranked.pr_auc,
            "roc_auc": ranked.roc_auc,
            **{name: _recall(ranked, share) for name, share in BUDGETS.items()},
        }
        return {
            name: metrics.interval(one(self.weight), [one(weight) for weight in drawn])
            for name, one in of.items()
        }

    def pr_auc(self, score: Floats) -> float:
        """PR-AUC alone, without an interval."""
        return ScoredLabels(score, self.label).pr_auc(self.weight)

    def beside(self, score: Floats, best: Floats) -> tuple[Interval, Interval, Interval]:
        """PR-AUC of a score, that of another, and their quotient, on the same replicates."""
        ours, theirs = ScoredLabels(score, self.label), ScoredLabels(best, self.label)
        drawn = [weight * self.weight for weight in metrics.resampled(self.entity, self.seed)]
        pairs = [(ours.pr_auc(weight), theirs.pr_auc(weight)) for weight in drawn]
        one, other = ours.pr_auc(self.weight), theirs.pr_auc(self.weight)
        return (
            metrics.interval(one, [pair[0] for pair in pairs]),
            metrics.interval(other, [pair[1] for pair in pairs]),
            metrics.interval(one / other, [pair[0] / pair[1] for pair in pairs]),
        )


class _Recall:
    """Share of the frauds among the highest scores, up to a share of all payments."""

    def __init__(self, ranked: ScoredLabels, share: float) -> None:
        self._ranked, self._share = ranked, share

    def __call__(self, weight: Floats | None = None) -> float:
        positives, negatives = self._ranked.counts(weight)
        total = positives.sum()
        if not total:
            return float("nan")
        budget = self._share * (total + negatives.sum())
        flagged = np.cumsum(positives + negatives)
        full = int(np.searchsorted(flagged, budget, side="right"))
        found = float(positives[:full].sum())
        if full < len(flagged):
            before = flagged[full - 1] if full else 0.0
            step = positives[full] + negatives[full]
            found += float(positives[full] * (budget - before) / step) if step else 0.0
        return found / float(total)


def _recall(ranked: ScoredLabels, share: float) -> _Recall:
    return _Recall(ranked, share)


def figures(judged: Judged, scores: Scores, others: dict[str, Floats], costs: Costs) -> Figures:
    """All figures of a model that gave `scores`, beside other ways to rank the same rows."""
    label, weight = judged.label, judged.weight
    found = judged.rankings(scores.probability)
    probability, decided = scores.probability, scores.prediction
    missed = weight[(label == 1) & (decided == 0)].sum() * costs.false_negative
    needless = weight[(label == 0) & (decided == 1)].sum() * costs.false_positive
    return Figures(
        rows=len(label),
        entities=int(judged.entity.max()) + 1,
        positives=int(label.sum()),
        metrics={
            "base_rate": float((weight * label).sum() / weight.sum()),
            **found,
            "alert_rate": float((weight * decided).sum() / weight.sum()),
            "brier": float((weight * (probability - label) ** 2).sum() / weight.sum()),
            "calibration_error": _calibration_error(probability, label, weight),
            "cost": float(missed + needless),
        },
        ranking=RANKING,
        baselines={name: judged.rankings(score) for name, score in others.items()},
    )


def best(judged: Judged, scores: dict[str, Floats]) -> str:
    """The candidate with the greatest PR-AUC on these rows."""
    ranked = {
        name: ScoredLabels(score, judged.label).pr_auc(judged.weight)
        for name, score in scores.items()
    }
    return max(ranked, key=lambda name: ranked[name])


def importance(scorer: Scorer, rows: Floats, label: Labels, seed: int) -> dict[str, float]:
    """Loss of ROC-AUC by feature, largest first; on every fraud and a sample of the others."""
    rng = np.random.default_rng(seed)
    honest = rng.permutation(np.flatnonzero(label == 0))[:_IMPORTANCE_ROWS]
    chosen = np.concatenate([np.flatnonzero(label == 1), honest])
    losses = metrics.permutation_importance(
        lambda some: scorer.score(some).raw, rows[chosen], label[chosen], seed
    )
    order = np.argsort(-losses, kind="stable")
    return {scorer.features[i]: float(losses[i]) for i in order}


def _calibration_error(probability: Floats, label: Labels, weight: Floats) -> float:
    """Mean gap between probability and frequency over ten bins, by what the rows stand for."""
    bins = np.array_split(np.argsort(probability, kind="stable"), _BINS)
    gaps = [abs(float((weight[b] * (probability[b] - label[b])).sum())) for b in bins if len(b)]
    return sum(gaps) / float(weight.sum())
