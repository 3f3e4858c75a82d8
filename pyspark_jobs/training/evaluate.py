"""How a model performs on its test window, compared with the baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score

from lakehouse import metrics
from lakehouse.metrics import ScoredLabels
from lakehouse.models.forest import Floats
from lakehouse.models.manifest import RANKING, Costs, Figures
from lakehouse.models.scoring import Scorer, Scores
from pyspark_jobs.training.sample import LabelledRows

# Shuffling every feature of every row is not needed to see which matter.
_IMPORTANCE_ROWS = 10_000


@dataclass(frozen=True)
class Evaluation:
    """The test rows and other ways to rank them, by name."""

    test: LabelledRows
    others: dict[str, Floats]
    seed: int


def evaluate(scorer: Scorer, scores: Scores, evaluation: Evaluation, costs: Costs) -> Figures:
    """All metrics of a model that gave `scores` to the test rows."""
    test, label = evaluation.test, evaluation.test.label
    rankings = {"model": ScoredLabels(scores.probability, label)}
    rankings |= {name: ScoredLabels(score, label) for name, score in evaluation.others.items()}
    intervals = metrics.with_intervals(rankings, test.entity, evaluation.seed)
    prediction = scores.prediction.astype(np.int64)
    base_rate = float(label.mean())
    precision = metrics.precision_at_top(scores.probability, label)
    return Figures(
        rows=len(label),
        entities=int(test.entity.max()) + 1,
        positives=int(label.sum()),
        metrics={
            "base_rate": base_rate,
            **intervals.pop("model"),
            "f1": float(f1_score(label, prediction, zero_division=0.0)),
            "accuracy": float(accuracy_score(label, prediction)),
            "brier": float(brier_score_loss(label, scores.probability)),
            "calibration_error": metrics.calibration_error(scores.probability, label),
            "precision_top_decile": precision,
            "lift_top_decile": precision / base_rate,
            "cost_per_day": metrics.cost(prediction, label, costs) / test.days,
        },
        ranking=RANKING,
        baselines={name: dict(found) for name, found in intervals.items()},
        importance=_importance(scorer, evaluation),
    )


def _importance(scorer: Scorer, evaluation: Evaluation) -> dict[str, float]:
    """Loss of ROC-AUC by feature, largest first, on a sample of the test rows."""
    test = evaluation.test
    rng = np.random.default_rng(evaluation.seed)
    chosen = rng.permutation(len(test.label))[:_IMPORTANCE_ROWS]
    losses = metrics.permutation_importance(
        lambda rows: scorer.score(rows).raw,
        test.rows[chosen],
        test.label[chosen],
        evaluation.seed,
    )
    order = np.argsort(-losses, kind="stable")
    return {test.features[i]: float(losses[i]) for i in order}
