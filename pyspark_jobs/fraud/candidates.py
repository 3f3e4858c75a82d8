"""The candidates of a training: a forest, a logistic regression, and the online learner, frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame, SparkSession

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
from lakehouse.models.forest import Floats
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.forest_scorer import ForestScorer
from lakehouse.models.half_space_model import HalfSpaceScorer
from lakehouse.models.half_space_trees import HalfSpaceTrees, TreeShape
from lakehouse.models.linear import LinearModel, LinearScorer
from lakehouse.models.manifest import FOREST
from lakehouse.models.model_kinds import HALF_SPACE, LINEAR
from lakehouse.models.scoring import Scorer
from pyspark_jobs.training import forests
from pyspark_jobs.training.forests import Shape

FOREST_SHAPE = Shape(trees=100, depth=10, features_per_split="sqrt", min_instances=3)
_LOG_ODDS_MAX = 30.0
Labels = npt.NDArray[np.int64]


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
    """A fitted model: its kind, its scorer, its file, and its kind's part of the manifest."""

    name: str
    kind: str
    scorer: Scorer
    file: Callable[[], bytes]
    details: dict[str, int]
    params: dict[str, str]


def logistic(train: DataFrame, recent: Recent) -> Candidate:
    """A logistic regression, recalibrated on recent rows."""
    coefficients, intercept = forests.fit_logistic(train, FEATURES)
    raw = LinearModel(
        features=FEATURES,
        coefficients=tuple(coefficients.tolist()),
        intercept=intercept,
        mean=(0.0,) * len(FEATURES),
        scale=(1.0,) * len(FEATURES),
        threshold=0.5,
    )
    log_odds = np.clip(LinearScorer(raw).score(recent.rows).raw, -_LOG_ODDS_MAX, _LOG_ODDS_MAX)
    found = calibration.fit(1.0 / (1.0 + np.exp(-log_odds)), recent.label)
    model = LinearModel(
        features=FEATURES,
        coefficients=tuple((coefficients * found.slope).tolist()),
        intercept=intercept * found.slope + found.offset + recent.prior_shift,
        mean=raw.mean,
        scale=raw.scale,
        threshold=0.5,
    )
    threshold = recent.threshold(LinearScorer(model).score(recent.rows).probability)
    fields = {name: getattr(model, name) for name in model.__struct_fields__}
    final = LinearModel(**(fields | {"threshold": threshold}))
    params = {"calibration": f"Platt, slope {found.slope:.4f}, offset {found.offset:.4f}"}
    return Candidate(
        "logistic_regression", LINEAR, LinearScorer(final), lambda: linear.encode(final), {}, params
    )


def forest(spark: SparkSession, train: DataFrame, recent: Recent, settings: Settings) -> Candidate:
    """A random forest, recalibrated on recent rows."""
    shape = replace(FOREST_SHAPE, trees=max(settings.model.trees))
    fitted = forests.fit_forest(train, FEATURES, shape, settings.model.seed)
    flat = forests.flatten(spark, fitted, f"{settings.lake_uri}/_scratch")
    votes = kernel.votes(kernel.pack(flat, len(FEATURES)), recent.rows) / shape.trees
    found = calibration.fit(votes, recent.label)
    curve = replace(found, offset=found.offset + recent.prior_shift)
    threshold = recent.threshold(curve.apply(votes))
    model = ForestModel(FEATURES, flat, curve, threshold)
    params = {
        "trees": str(shape.trees),
        "depth": str(shape.depth),
        "min_instances": str(shape.min_instances),
        "calibration": f"Platt, slope {found.slope:.4f}, offset {found.offset:.4f}",
    }
    return Candidate(
        "random_forest", FOREST, ForestScorer(model), lambda: onnx_file.encode(model),
        forest_scorer.details(model), params,
    )  # fmt: skip


def half_space(rows: Floats, recent: Recent, settings: Settings) -> Candidate | None:
    """Half-Space Trees that have seen the same rows in order; None if they fill no window."""
    wanted = settings.fraud.learner
    trees = HalfSpaceTrees.grow(
        FEATURES, TreeShape(wanted.trees, wanted.height, wanted.window), wanted.seed
    )
    _, trees = trees.score_and_learn(rows)
    if not trees.window:
        return None
    curve = half_space_model.fit_curve(trees.score(recent.rows), recent.label)
    shifted = curve._replace(offset=curve.offset + recent.prior_shift)
    draft = HalfSpaceScorer(half_space_model.frozen(trees, shifted))
    threshold = recent.threshold(draft.score(recent.rows).probability)
    model = half_space_model.frozen(trees, shifted._replace(threshold=threshold))
    params = {
        "trees": str(wanted.trees), "height": str(wanted.height), "window": str(wanted.window)
    }  # fmt: skip
    return Candidate(
        "half_space_trees", HALF_SPACE, HalfSpaceScorer(model),
        lambda: half_space_model.encode(model), {}, params,
    )  # fmt: skip
