"""The candidates of a training: a forest, a logistic regression, and the online learner, frozen.

Each is fitted to the older rows first: its scores of the newer ones, which it has not seen, give
the curve to probabilities, the threshold, and its rank among the candidates. Then it is fitted once
more to all of them, and keeps the curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.settings import Settings
from lakehouse.models import (
    calibration,
    forest_scorer,
    half_space_model,
    kernel,
    linear,
    onnx_file,
)
from lakehouse.models.forest import Floats, Forest
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.forest_scorer import ForestScorer
from lakehouse.models.half_space_model import HalfSpaceScorer
from lakehouse.models.half_space_trees import HalfSpaceTrees, TreeShape
from lakehouse.models.linear import LinearModel, LinearScorer
from lakehouse.models.manifest import FOREST
from lakehouse.models.model_kinds import HALF_SPACE, LINEAR
from lakehouse.models.scoring import Scorer
from pyspark_jobs.training import train_rows
from pyspark_jobs.training.forests import Grower, Shape

FOREST_SHAPE = Shape(trees=100, depth=10, features_per_split="sqrt", min_instances=3)
_LOG_ODDS_MAX = 30.0
# The inverse of the penalty on coefficients, as scikit-learn has it.
_PENALTY, _STEPS = 0.1, 1_000

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Rows to fit on, in order of time: the first `older` of them, and all of them in the end.

    All have the same weight: what a row stands for counts when models are judged, while a model
    fitted with those weights ranks worse (docs/decisions.md).
    """

    values: Floats
    label: Labels
    older: int

    def part(self, everything: bool) -> tuple[Floats, Labels]:
        """The older rows, or all."""
        last = len(self.label) if everything else self.older
        return self.values[:last], self.label[:last]


@dataclass(frozen=True)
class Recent:
    """The newest rows that may be trained on, held back to recalibrate and to set the threshold.

    `weight` is what a row stands for in the true mixture of frauds and honest payments.
    """

    rows: Floats
    label: Labels
    weight: Floats
    alert_rate: float

    @property
    def prior_shift(self) -> float:
        """What the true base rate adds to log-odds fitted to these rows."""
        honest = self.weight[self.label == 0]
        return -float(np.log(honest.mean())) if len(honest) else 0.0

    def threshold(self, probability: Floats) -> float:
        """The least probability that makes an alert, within the budget of alerts."""
        order = np.argsort(-probability, kind="stable")
        share = np.cumsum(self.weight[order]) / self.weight.sum()
        last = int(np.searchsorted(share, self.alert_rate, side="right"))
        return float(np.clip(probability[order[min(last, len(order) - 1)]], 1e-9, 1.0))


@dataclass(frozen=True)
class Candidate:
    """A fitted model: its kind, its scorer, its file, and its kind's part of the manifest.

    `ranked` are the scores that it gave to the recent rows before it was fitted to them.
    """

    name: str
    ranked: Floats
    kind: str
    scorer: Scorer
    file: Callable[[], bytes]
    details: dict[str, int]
    params: dict[str, str]


def logistic(rows: Rows, recent: Recent) -> Candidate:
    """A logistic regression, recalibrated on recent rows."""
    before = _fitted_linear(*rows.part(everything=False))
    raw = LinearScorer(before).score(recent.rows).raw
    log_odds = np.clip(raw, -_LOG_ODDS_MAX, _LOG_ODDS_MAX)
    found = calibration.fit(1.0 / (1.0 + np.exp(-log_odds)), recent.label)
    shift = found.offset + recent.prior_shift
    ranked = 1.0 / (1.0 + np.exp(-(found.slope * log_odds + shift)))
    final = _fitted_linear(*rows.part(everything=True))
    final = msgspec.structs.replace(
        final,
        coefficients=tuple(found.slope * each for each in final.coefficients),
        intercept=final.intercept * found.slope + shift,
        threshold=recent.threshold(ranked),
    )
    return Candidate(
        "logistic_regression", ranked, LINEAR, LinearScorer(final), lambda: linear.encode(final),
        {}, {"penalty": str(_PENALTY), "calibration": _in_words(found)},
    )  # fmt: skip


def _fitted_linear(values: Floats, label: Labels) -> LinearModel:
    filled = np.nan_to_num(values)
    scaler = StandardScaler().fit(filled)
    fitted = LogisticRegression(C=_PENALTY, max_iter=_STEPS).fit(scaler.transform(filled), label)
    return LinearModel(
        features=FEATURES, coefficients=tuple(fitted.coef_[0].tolist()),
        intercept=float(fitted.intercept_[0]), mean=tuple(scaler.mean_.tolist()),
        scale=tuple(scaler.scale_.tolist()), threshold=0.5,
    )  # fmt: skip


def forest(spark: SparkSession, rows: Rows, recent: Recent, settings: Settings) -> Candidate:
    """A random forest grown in Spark's tasks, recalibrated on recent rows."""
    shape = replace(FOREST_SHAPE, trees=max(settings.model.trees))

    def fitted(everything: bool) -> Forest:
        train, fold = train_rows.from_arrays(*rows.part(everything))
        with Grower(spark, train) as grower:
            return grower.grow(shape, fold, settings.model.seed)

    older = kernel.pack(fitted(everything=False), len(FEATURES))
    votes = kernel.votes(older, recent.rows) / shape.trees
    found = calibration.fit(votes, recent.label)
    curve = replace(found, offset=found.offset + recent.prior_shift)
    ranked = curve.apply(votes)
    model = ForestModel(FEATURES, fitted(everything=True), curve, recent.threshold(ranked))
    params = {
        "trees": str(shape.trees), "depth": str(shape.depth),
        "min_instances": str(shape.min_instances), "calibration": _in_words(found),
    }  # fmt: skip
    return Candidate(
        "random_forest", ranked, FOREST, ForestScorer(model), lambda: onnx_file.encode(model),
        forest_scorer.details(model), params,
    )  # fmt: skip


def half_space(rows: Floats, recent: Recent, settings: Settings) -> Candidate | None:
    """Half-Space Trees that have seen the same rows in order; None if they fill no window."""
    wanted = settings.fraud.learner
    shape = TreeShape(wanted.trees, wanted.height, wanted.window)
    _, trees = HalfSpaceTrees.grow(FEATURES, shape, wanted.seed).score_and_learn(rows)
    if not trees.window:
        return None
    score = trees.score(recent.rows)
    curve = half_space_model.fit_curve(score, recent.label)
    curve = curve._replace(offset=curve.offset + recent.prior_shift)
    ranked = 1.0 / (1.0 + np.exp(-(curve.slope * score + curve.offset)))
    _, trees = trees.score_and_learn(recent.rows)
    model = half_space_model.frozen(trees, curve._replace(threshold=recent.threshold(ranked)))
    params = {
        "trees": str(wanted.trees), "height": str(wanted.height), "window": str(wanted.window)
    }  # fmt: skip
    return Candidate(
        "half_space_trees", ranked, HALF_SPACE, HalfSpaceScorer(model),
        lambda: half_space_model.encode(model), {}, params,
    )  # fmt: skip


def _in_words(found: calibration.Calibration) -> str:
    return f"Platt, slope {found.slope:.4f}, offset {found.offset:.4f}"
