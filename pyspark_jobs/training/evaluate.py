"""How a model does on its test window, beside the baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lakehouse import metrics
from lakehouse.domains.cdr.features import feature_list
from lakehouse.metrics import ScoredLabels
from lakehouse.models.forest import Floats
from lakehouse.models.manifest import Baseline, Costs, Figures
from lakehouse.models.scoring import Scorer, Scores
from pyspark_jobs.training.sample import LabelledRows

# Shuffling every feature of every row is not needed to see which matter.
_IMPORTANCE_ROWS = 10_000
_ONE_RULE_FAMILY = "silent_days"


@dataclass(frozen=True)
class Evaluation:
    """The test rows and other ways to rank them, by name."""

    test: LabelledRows
    others: dict[str, Floats]
    seed: int


def one_rule(test: LabelledRows, windows: tuple[int, int, int]) -> Floats:
    """The ranking that needs no model: days since the last activity."""
    rule = next(one.name for one in feature_list(windows) if one.family == _ONE_RULE_FAMILY)
    return test.rows[:, test.features.index(rule)]


def evaluate(scorer: Scorer, scores: Scores, evaluation: Evaluation, costs: Costs) -> Figures:
    """All figures of a model that gave `scores` to the test rows."""
    test, label = evaluation.test, evaluation.test.label
    scored_labels = {"model": ScoredLabels(scores.probability, label)}
    scored_labels |= {name: ScoredLabels(score, label) for name, score in evaluation.others.items()}
    intervals = metrics.with_intervals(scored_labels, test.user, evaluation.seed)
    roc_auc, pr_auc = intervals.pop("model")
    prediction = scores.prediction.astype(np.int64)
    base_rate = float(label.mean())
    precision = metrics.precision_at_top(scores.probability, label)
    return Figures(
        rows=len(label),
        subscribers=int(test.user.max()) + 1,
        churners=int(label.sum()),
        base_rate=base_rate,
        roc_auc=roc_auc,
        pr_auc=pr_auc,
        f1=metrics.f1(prediction, label),
        accuracy=float((prediction == label).mean()),
        brier=float(np.square(scores.probability - label).mean()),
        calibration_error=metrics.calibration_error(scores.probability, label),
        precision_top_decile=precision,
        lift_top_decile=precision / base_rate,
        cost_per_day=metrics.cost(prediction, label, costs) / test.frame["Date"].n_unique(),
        baselines={name: Baseline(*found) for name, found in intervals.items()},
        importance=_importance(scorer, evaluation),
    )


def _importance(scorer: Scorer, evaluation: Evaluation) -> dict[str, float]:
    """Loss of ROC-AUC by feature, the greatest first, on a sample of the test rows."""
    test = evaluation.test
    rng = np.random.default_rng(evaluation.seed)
    chosen = rng.permutation(len(test.label))[:_IMPORTANCE_ROWS]
    losses = metrics.permutation_importance(
        lambda rows: scorer.score(rows).votes,
        test.rows[chosen],
        test.label[chosen],
        evaluation.seed,
    )
    order = np.argsort(-losses, kind="stable")
    return {test.features[i]: float(losses[i]) for i in order}
