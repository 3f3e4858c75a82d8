"""Chooses hyper-parameters, calibration and threshold, using folds inside the train days."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt

from lakehouse.clock import Clock
from lakehouse.errors import ModelError
from lakehouse.metrics import ScoredLabels, cheapest_threshold
from lakehouse.models import calibration, kernel
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import Floats, Forest
from lakehouse.models.manifest import Costs
from lakehouse.settings.model import ModelSettings
from pyspark_jobs.training.forests import Grower, Shape
from pyspark_jobs.training.kept_folds import KeptFolds
from pyspark_jobs.training.sample import ClassCounts, LabelledRows
from pyspark_jobs.training.split import Fold, Split

ProgressCallback = Callable[[str], None]
Votes = dict[Shape, Floats]
_MINUTE = 60.0


@dataclass(frozen=True)
class Sample:
    """The data of one training: the grower has the train rows, evaluation rows are arrays.

    Folds that an earlier start has evaluated are in `kept`.
    """

    grower: Grower
    evaluation_rows: LabelledRows
    train_counts: ClassCounts
    split: Split
    kept: KeptFolds = field(default_factory=KeptFolds)


@dataclass(frozen=True)
class Choice:
    """The chosen candidate, and the ROC-AUC of each candidate over the folds."""

    shape: Shape
    calibration: Calibration
    threshold: float
    tried: dict[Shape, float]


@dataclass(frozen=True)
class _Part:
    """The largest forest of a pair of parameters on one fold: the work of one step."""

    largest: Shape
    number: int
    fold: Fold
    rows: LabelledRows


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
    found: dict[Shape, list[tuple[Floats, npt.NDArray[np.int64]]]] = {}
    for part, votes in _evaluated(sample, settings, _parts(sample, settings, clock, say)):
        for shape, vote in votes.items():
            found.setdefault(shape, []).append((vote, part.rows.label))
    tried = {shape: _judge(*zip(*folds, strict=True)) for shape, folds in found.items()}
    best = max(tried, key=lambda shape: tried[shape].roc_auc)
    chosen = tried[best]
    curve = calibration.fit(chosen.votes, chosen.label)
    costs = Costs(settings.cost_false_negative, settings.cost_false_positive)
    threshold = cheapest_threshold(curve.apply(chosen.votes), chosen.label, costs)
    return Choice(best, curve, threshold, {shape: one.roc_auc for shape, one in tried.items()})


def _parts(
    sample: Sample, settings: ModelSettings, clock: Clock, say: ProgressCallback
) -> Iterator[_Part]:
    """Every pair of the grid on every fold that has both classes, until the budget is used up."""
    deadline = clock.monotonic() + settings.budget_minutes * _MINUTE
    usable = list(_usable(sample))
    if not usable:
        raise ModelError(
            "training, folds", "both classes in at least one fold", "none that has them",
            "load more history, or lower model.folds",
        )  # fmt: skip
    pairs = product(settings.features_per_split, settings.min_instances)
    for place, (features_per_split, min_instances) in enumerate(pairs):
        if place and clock.monotonic() > deadline:
            say("the search budget is used up")
            return
        trees, depth = max(settings.trees), max(settings.depths)
        largest = Shape(trees, depth, features_per_split, min_instances)
        for number, (fold, rows) in enumerate(usable, 1):
            if sample.kept.get(largest, number, len(rows.label)) is None:
                say(f"fold {number} of {len(usable)}: {trees} trees of depth {depth}")
            yield _Part(largest, number, fold, rows)


def _evaluated(
    sample: Sample, settings: ModelSettings, parts: Iterator[_Part]
) -> Iterator[tuple[_Part, Votes]]:
    """Each part with its votes, in order; while one is waited for, the next ones grow.

    As many are under way as it takes to keep all of Spark's cores busy.
    """
    grower = sample.grower
    under_way: deque[tuple[_Part, Future[Votes]]] = deque()
    with ThreadPoolExecutor() as threads:
        for part in parts:
            work = grower.in_a_thread(partial(_votes_of, sample, part, settings))
            under_way.append((part, threads.submit(work)))
            if len(under_way) > 1 + grower.cores // grower.tasks(part.largest):
                done, votes = under_way.popleft()
                yield done, votes.result()
        for done, votes in under_way:
            yield done, votes.result()


def _votes_of(sample: Sample, part: _Part, settings: ModelSettings) -> Votes:
    """The votes of a part: those kept by an earlier start, or of a forest grown now."""
    found = sample.kept.get(part.largest, part.number, len(part.rows.label))
    if found is None:
        forest = sample.grower.grow(part.largest, part.fold, settings.seed)
        found = _votes(forest, part.largest, part.rows, settings)
        sample.kept.put(part.largest, part.number, found)
    return found


def _votes(forest: Forest, largest: Shape, rows: LabelledRows, settings: ModelSettings) -> Votes:
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


def _judge(votes: tuple[Floats, ...], labels: tuple[npt.NDArray[np.int64], ...]) -> _Judged:
    pairs = zip(votes, labels, strict=True)
    mean = float(np.mean([ScoredLabels(vote, label).roc_auc() for vote, label in pairs]))
    return _Judged(np.concatenate(votes), np.concatenate(labels), mean)
