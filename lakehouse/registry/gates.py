"""Whether a model may become champion, said in intervals and money; arrays only, no Spark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lakehouse.errors import ModelError
from lakehouse.metrics import Labels, ScoredLabels, interval, resampled
from lakehouse.models import scoring
from lakehouse.models.bundle import Bundle
from lakehouse.models.forest import Floats
from lakehouse.models.manifest import Costs, Interval
from lakehouse.models.scoring import Scores
from lakehouse.registry import ModelVersion, Registry
from lakehouse.settings.model import ModelSettings

_POINTS = 100
AWAITS_APPROVAL = "awaits approval"


@dataclass(frozen=True)
class Comparison:
    """A challenger beside the champion on the same rows, the challenger's test window.

    `points` is the gain in ROC-AUC x 100, `saving` what its decisions save a day.
    """

    rows: int
    points: Interval
    saving: Interval

    def __str__(self) -> str:
        """`+1.2 points [-0.3, +2.6] on the same 14,000 rows, saves 310 a day [-40, +600]`."""
        points, saving = self.points, self.saving
        verb = "saves" if saving.value >= 0 else "costs"
        return (
            f"{points.value:+.1f} points [{points.low:+.1f}, {points.high:+.1f}] on the same "
            f"{self.rows:,} rows, {verb} {abs(saving.value):,.0f} a day "
            f"[{saving.low:+,.0f}, {saving.high:+,.0f}]"
        )


@dataclass(frozen=True)
class Verdict:
    """Whether a version is promoted, and why."""

    promoted: bool
    reason: str


def compare(challenger: Bundle, champion: Bundle, seed: int) -> Comparison:
    """Score the challenger's test window with both and bootstrap the difference in pairs.

    Raises `ModelError` when the champion needs features that the window does not have.
    """
    frame = challenger.reference()
    missing = set(champion.manifest.features) - set(frame.columns)
    if missing:
        raise ModelError(
            "comparison", "models of the same features", f"no {sorted(missing)[0]}",
            "promote by hand once the new features are meant",
        )  # fmt: skip
    label = frame["label"].cast(int).to_numpy()
    new, old = (
        bundle.scorer.score(scoring.matrix(frame, bundle.manifest.features))
        for bundle in (challenger, champion)
    )
    user = frame["User"].rank("dense").cast(int).to_numpy() - 1
    costs, days = challenger.manifest.costs, frame["Date"].n_unique()
    saved = (_costs(old, label, costs) - _costs(new, label, costs)) / days
    scored_labels = ScoredLabels(new.probability, label), ScoredLabels(old.probability, label)
    points, savings = [], []
    for weight in resampled(user, seed):
        points.append(_gain(*scored_labels, weight))
        savings.append(float((saved * weight).sum()))
    return Comparison(
        len(frame),
        interval(_gain(*scored_labels, None), points),
        interval(float(saved.sum()), savings),
    )


def judge(candidate: ModelVersion, registry: Registry, settings: ModelSettings) -> Verdict:
    """Whether `candidate` passes all gates: floor, calibration, champion, approval.

    A first model needs no champion to beat. Otherwise the whole interval of the paired difference
    has to be at or above 0.
    """
    bundle = registry.load(candidate)
    figures = bundle.manifest.figures
    if figures.roc_auc.value < settings.min_roc_auc:
        return Verdict(False, f"ROC-AUC {figures.roc_auc} is below {settings.min_roc_auc}")
    if figures.calibration_error > settings.max_calibration_error:
        error = f"calibration error {figures.calibration_error:.3f}"
        return Verdict(False, f"{error} is above {settings.max_calibration_error}")
    champion = registry.champion()
    reason = f"first model, ROC-AUC {figures.roc_auc}"
    if champion is not None:
        found = compare(bundle, registry.load(champion), settings.seed)
        reason = f"{found} against version {champion.number}"
        if found.points.low < 0:
            return Verdict(False, reason)
    if settings.require_approval and candidate.approved_by is None:
        return Verdict(False, f"{reason}, {AWAITS_APPROVAL}")
    return Verdict(True, reason)


def promote_by_gates(number: int, registry: Registry, settings: ModelSettings) -> Verdict:
    """Judge a version and act on it: champion, or refused with the reason kept.

    A version that awaits approval scores in the champion's shadow until then.
    """
    verdict = judge(registry.version(number), registry, settings)
    if verdict.promoted:
        registry.promote(number, verdict.reason)
        return verdict
    registry.refuse(number, verdict.reason)
    if verdict.reason.endswith(AWAITS_APPROVAL):
        registry.shadow(number)
    return verdict


def _gain(new: ScoredLabels, old: ScoredLabels, weight: Floats | None) -> float:
    return _POINTS * (new.roc_auc(weight) - old.roc_auc(weight))


def _costs(scores: Scores, label: Labels, costs: Costs) -> Floats:
    """Cost of the decision on each row."""
    missed = (label == 1) & (scores.prediction == 0)
    bothered = (label == 0) & (scores.prediction == 1)
    return np.where(missed, costs.false_negative, np.where(bothered, costs.false_positive, 0.0))
