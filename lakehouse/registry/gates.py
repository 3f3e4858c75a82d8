"""Whether a model may become champion, in terms of intervals and money; arrays only, no Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from lakehouse import metrics
from lakehouse.domain import Scored
from lakehouse.errors import ModelError
from lakehouse.metrics import RANKINGS, Labels, ScoredLabels, interval, resampled
from lakehouse.models import metric_text, scoring
from lakehouse.models.bundle import Bundle
from lakehouse.models.forest import Floats
from lakehouse.models.manifest import Costs, Figures, Interval
from lakehouse.models.scoring import Scores
from lakehouse.registry import ModelVersion, Registry
from lakehouse.settings.model import ModelSettings

_POINTS = 100
AWAITS_APPROVAL = "awaits approval"


@dataclass(frozen=True)
class Limit:
    """A bound that a metric of the model has to meet: at least, or at most."""

    metric: str
    bound: float
    is_least: bool

    def broken(self, figures: Figures) -> str | None:
        """The objection to metrics that violate the bound; None for those that meet it."""
        name = metric_text.title(self.metric)
        if self.metric not in figures.metrics:
            return f"{name} was not measured"
        metric, value = figures.metrics[self.metric], figures.value(self.metric)
        if value >= self.bound if self.is_least else value <= self.bound:
            return None
        found = str(metric) if isinstance(metric, Interval) else f"{value:.3f}"
        return f"{name} {found} is {'below' if self.is_least else 'above'} {self.bound}"


@dataclass(frozen=True)
class Comparison:
    """A challenger compared with the champion on the same rows, the challenger's test window.

    `points` is the gain in the challenger's ranking metric x 100, `saving` what its decisions save
    per day.
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


class Gate(Protocol):
    """What judges the versions of one model, whatever its kind."""

    def promote(self, number: int) -> Verdict:
        """Judge a version, and promote or refuse it."""

    def compare(self, challenger: int, champion: int) -> str:
        """What the first version gains on the second, both on the same rows."""


class Gates:
    """The gates of one model: limits on its metrics, the champion, and a person's approval.

    Without `limits`, those of a classifier apply, from the settings.
    """

    def __init__(
        self,
        registry: Registry,
        scored: Scored,
        settings: ModelSettings,
        limits: tuple[Limit, ...] | None = None,
    ) -> None:
        self._registry, self._scored, self._settings = registry, scored, settings
        self._limits = of_a_classifier(settings) if limits is None else limits

    def judge(self, candidate: ModelVersion) -> Verdict:
        """Whether `candidate` passes all gates.

        A first model needs no champion to beat. Otherwise the whole interval of the paired
        difference has to be at or above 0.
        """
        bundle = self._registry.load(candidate)
        figures = bundle.manifest.figures
        for limit in self._limits:
            if (reason := limit.broken(figures)) is not None:
                return Verdict(False, reason)
        champion = self._registry.champion()
        reason = f"first model, {metric_text.title(figures.ranking)} {candidate.figure}"
        if champion is not None:
            against = self._registry.load(champion)
            found = compare(bundle, against, self._scored, self._settings.seed)
            reason = f"{found} against version {champion.number}"
            if found.points.low < 0:
                return Verdict(False, reason)
        if self._settings.require_approval and candidate.approved_by is None:
            return Verdict(False, f"{reason}, {AWAITS_APPROVAL}")
        return Verdict(True, reason)

    def promote(self, number: int) -> Verdict:
        """Judge a version and act on the result: promote it, or reject it and keep the reason.

        A version that awaits approval scores in the champion's shadow until then.
        """
        verdict = self.judge(self._registry.version(number))
        if verdict.promoted:
            self._registry.promote(number, verdict.reason)
            return verdict
        self._registry.refuse(number, verdict.reason)
        if verdict.reason.endswith(AWAITS_APPROVAL):
            self._registry.shadow(number)
        return verdict

    def compare(self, challenger: int, champion: int) -> str:
        """What the first version gains on the second, in points and in money."""
        registry = self._registry
        new, old = (registry.load(registry.version(one)) for one in (challenger, champion))
        return str(compare(new, old, self._scored, self._settings.seed))


def of_a_classifier(settings: ModelSettings) -> tuple[Limit, ...]:
    """The least ROC-AUC and the greatest calibration error of the settings."""
    return (
        Limit("roc_auc", settings.min_roc_auc, is_least=True),
        Limit("calibration_error", settings.max_calibration_error, is_least=False),
    )


def compare(challenger: Bundle, champion: Bundle, scored: Scored, seed: int) -> Comparison:
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
    label = frame[scored.label].cast(int).to_numpy()
    new, old = (
        bundle.scorer.score(scoring.matrix(frame, bundle.manifest.features))
        for bundle in (challenger, champion)
    )
    entity = metrics.numbered(frame[scored.entity])
    costs, days = challenger.manifest.costs, frame[scored.time].cast(pl.Date).n_unique()
    saved = (_costs(old, label, costs) - _costs(new, label, costs)) / days
    rank = RANKINGS[challenger.manifest.figures.ranking]
    ours, theirs = ScoredLabels(new.probability, label), ScoredLabels(old.probability, label)

    def gain(weight: Floats | None) -> float:
        return _POINTS * (rank(ours, weight) - rank(theirs, weight))

    points, savings = [], []
    for weight in resampled(entity, seed):
        points.append(gain(weight))
        savings.append(float((saved * weight).sum()))
    return Comparison(
        len(frame), interval(gain(None), points), interval(float(saved.sum()), savings)
    )


def _costs(scores: Scores, label: Labels, costs: Costs) -> Floats:
    """Cost of the decision for each row."""
    missed = (label == 1) & (scores.prediction == 0)
    needless = (label == 0) & (scores.prediction == 1)
    return np.where(missed, costs.false_negative, np.where(needless, costs.false_positive, 0.0))
