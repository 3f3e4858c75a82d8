"""Chooses hyper-parameters, calibration and threshold, using folds inside the train days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from lakehouse.clock import Clock
from lakehouse.errors import ModelError
from lakehouse.metrics import ScoredLabels, cheapest_threshold
from lakehouse.models import calibration, kernel
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import Floats, Forest
from lakehouse.models.manifest import Costs
from lakehouse.settings.model import ModelSettings
from pyspark_jobs.training import forests
from pyspark_jobs.training.forests import Shape
from pyspark_jobs.training.kept_folds import KeptFolds
from pyspark_jobs.training.sample import ClassCounts, LabelledRows, day
from pyspark_jobs.training.split import Fold, Split

ProgressCallback = Callable[[str], None]
_MINUTE = 60.0


@dataclass(frozen=True)
class Sample:
    """The data of one training: train rows in Spark, evaluation rows as arrays.

    `rows` is what both were taken from, cached until the training ends. Folds that an earlier start
    has evaluated are in `kept`.
    """

    rows: DataFrame
    train_rows: DataFrame
    evaluation_rows: LabelledRows
    train_counts: ClassCounts
    split: Split
    scratch_uri: str
    kept: KeptFolds = field(default_factory=KeptFolds)


@dataclass(frozen=True)
class Choice:
    """The chosen candidate, and the ROC-AUC of each candidate over the folds."""

    shape: Shape
    calibration: Calibration
    threshold: float
    tried: dict[Shape, float]


@dataclass(frozen=True)
class _Judged:
    """A candidate's mean votes on the validation rows of its folds, in the order of the folds."""

    votes: Floats
    label: npt.NDArray[np.int64]
    roc_auc: float


def search(sample: Sample, settings: ModelSettings, clock: Clock, say: ProgressCallback) -> Choice:
    """Search the grid by ROC-AUC over the folds; set calibration and threshold on the same rows.

    Smaller forests are cut out of the largest (`Forest.pruned`), so a fold is fitted once for all
    numbers of trees and all depths. The first pair of the other two parameters is always tried,
    further pairs only within `budget_minutes`.
    """
    deadline = clock.monotonic() + settings.budget_minutes * _MINUTE
    tried: dict[Shape, _Judged] = {}
    for features_per_split, min_instances in product(
        settings.features_per_split, settings.min_instances
    ):
        if tried and clock.monotonic() > deadline:
            say("the search budget is used up")
            break
        largest = Shape(
            max(settings.trees), max(settings.depths), features_per_split, min_instances
        )
        tried |= _try(sample, largest, settings, say)
    best = max(tried, key=lambda shape: tried[shape].roc_auc)
    found = tried[best]
    curve = calibration.fit(found.votes, found.label)
    costs = Costs(settings.cost_false_negative, settings.cost_false_positive)
    threshold = cheapest_threshold(curve.apply(found.votes), found.label, costs)
    return Choice(best, curve, threshold, {shape: one.roc_auc for shape, one in tried.items()})


def fit(sample: Sample, shape: Shape, fold: Fold, seed: int) -> Forest:
    """A forest fitted on the train rows of `fold`, with both classes weighted equally."""
    negatives, positives = sample.train_counts.of(fold.fit, fold.group)
    rows = sample.train_rows.where(
        day(sample.evaluation_rows.scored).between(fold.fit.first, fold.fit.last)
    )
    if fold.group is not None:
        rows = rows.where(f.col("group") != fold.group)
    weighted = forests.with_class_weight(rows, negatives, positives)
    fitted = forests.fit_forest(weighted, sample.evaluation_rows.features, shape, seed)
    return forests.flatten(rows.sparkSession, fitted, sample.scratch_uri)


def _try(
    sample: Sample, largest: Shape, settings: ModelSettings, say: ProgressCallback
) -> dict[Shape, _Judged]:
    """All candidates that can be cut out of `largest`, on every fold that has both classes."""
    votes: dict[Shape, list[Floats]] = {}
    labels: list[npt.NDArray[np.int64]] = []
    usable = list(_usable(sample))
    if not usable:
        raise ModelError(
            "training, folds", "both classes in at least one fold", "none that has them",
            "load more history, or lower model.folds",
        )  # fmt: skip
    for number, (fold, rows) in enumerate(usable, 1):
        labels.append(rows.label)
        found = sample.kept.get(largest, number, len(rows.label))
        if found is None:
            say(f"fold {number} of {len(usable)}: {largest.trees} trees of depth {largest.depth}")
            forest = fit(sample, largest, fold, settings.seed)
            found = _votes(forest, largest, rows, settings)
            sample.kept.put(largest, number, found)
        for shape, vote in found.items():
            votes.setdefault(shape, []).append(vote)
    return {shape: _judge(found, labels) for shape, found in votes.items()}


def _votes(
    forest: Forest, largest: Shape, rows: LabelledRows, settings: ModelSettings
) -> dict[Shape, Floats]:
    """Mean votes on `rows` of every forest of the grid that can be cut out of this one."""
    votes = {}
    for trees, depth in product(settings.trees, settings.depths):
        packed = kernel.pack(forest.pruned(trees, depth), len(rows.features))
        shape = replace(largest, trees=trees, depth=depth)
        votes[shape] = kernel.votes(packed, rows.rows) / trees
    return votes


def _usable(sample: Sample) -> Iterator[tuple[Fold, LabelledRows]]:
    for fold in sample.split.folds:
        rows = sample.evaluation_rows.of(fold.validate, fold.group)
        teachers = min(sample.train_counts.of(fold.fit, fold.group))
        if teachers and 0 < rows.label.sum() < len(rows.label):
            yield fold, rows


def _judge(votes: list[Floats], labels: list[npt.NDArray[np.int64]]) -> _Judged:
    pairs = zip(votes, labels, strict=True)
    mean = float(np.mean([ScoredLabels(vote, label).roc_auc() for vote, label in pairs]))
    return _Judged(np.concatenate(votes), np.concatenate(labels), mean)
